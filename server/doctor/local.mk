# server/doctor/: mcp-execd --doctor.
noinst_LIBRARIES += libdoctor.a
libdoctor_a_SOURCES = \
	server/doctor/doctor.c server/doctor/doctor.h \
	server/doctor/limits.c \
	server/doctor/nginx.c \
	server/doctor/nginx_conf.c server/doctor/nginx_conf.h \
	server/doctor/redis.c \
	server/doctor/report.c server/doctor/report.h \
	server/doctor/sandbox.c \
	server/doctor/system.c
DOCTOR_LIBS = libdoctor.a libkeeper.a $(EXEC_LIBS)
