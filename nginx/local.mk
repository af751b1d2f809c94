# nginx/: the load balancer's configuration, and what generates the part that knows the replicas.
nginxdir = $(pkgdatadir)/nginx
dist_nginx_SCRIPTS = nginx/mcp-execd-nginx
dist_nginx_DATA = \
    nginx/nginx.conf \
    nginx/mcp-execd-http.conf \
    nginx/mcp-execd-limits.conf \
    nginx/mcp-execd-locations.conf \
    nginx/mcp-execd-pass.conf \
    nginx/mcp-execd-proxy.conf \
    nginx/mcp-execd-tls.conf
