# The product's pack: tools, resources and prompts. A library of its own, so that a test of it needs
# no core and the core's tests no pack.
noinst_LIBRARIES += libpack_exec.a
libpack_exec_a_SOURCES = \
    server/mcp/arguments.c server/mcp/arguments.h \
    server/mcp/arguments_schema.c \
    server/mcp/call_text.c \
    server/mcp/confirm.c server/mcp/confirm.h \
    server/mcp/confirm_rules.c server/mcp/confirm_rules.h \
    server/mcp/environment.c server/mcp/environment.h \
    server/mcp/event_id.c server/mcp/event_id.h \
    server/mcp/excerpt.c server/mcp/excerpt.h \
    server/mcp/exec_request.c server/mcp/exec_request.h \
    server/mcp/execute_reply.c server/mcp/execute_reply.h \
    server/mcp/execution_json.c server/mcp/execution_json.h \
    server/mcp/execution_list.c server/mcp/execution_list.h \
    server/mcp/file_list.c server/mcp/file_list.h \
    server/mcp/file_path.c server/mcp/file_path.h \
    server/mcp/file_read.c server/mcp/file_read.h \
    server/mcp/file_request.c server/mcp/file_request.h \
    server/mcp/file_root.c server/mcp/file_root.h \
    server/mcp/file_type.c server/mcp/file_type.h \
    server/mcp/file_walk.c server/mcp/file_walk.h \
    server/mcp/file_workspace.c server/mcp/file_workspace.h \
    server/mcp/file_write.c server/mcp/file_write.h \
    server/mcp/journal_lines.c server/mcp/journal_lines.h \
    server/mcp/news_exec.c server/mcp/news_exec.h \
    server/mcp/output.c server/mcp/output.h \
    server/mcp/output_json.c server/mcp/output_json.h \
    server/mcp/output_request.c server/mcp/output_request.h \
    server/mcp/pack_exec.c server/mcp/pack_exec.h \
    server/mcp/pack_text.c server/mcp/pack_text.h \
    server/mcp/pattern.c server/mcp/pattern.h \
    server/mcp/prompt_complete.c \
    server/mcp/prompt_exec.c server/mcp/prompt_exec.h \
    server/mcp/request_hash.c server/mcp/request_hash.h \
    server/mcp/resource_exec.c server/mcp/resource_exec.h \
    server/mcp/resource_file.c \
    server/mcp/resource_read.c \
    server/mcp/resource_request.h \
    server/mcp/resource_uri.c server/mcp/resource_uri.h \
    server/mcp/runtime.c server/mcp/runtime.h \
    server/mcp/sandbox_config.c server/mcp/sandbox_config.h \
    server/mcp/sandbox_path.c server/mcp/sandbox_path.h \
    server/mcp/shape_options.c \
    server/mcp/start.c server/mcp/start.h \
    server/mcp/start_sandbox.c server/mcp/start_sandbox.h \
    server/mcp/start_arguments.c \
    server/mcp/strip_ansi.c \
    server/mcp/task_exec.c server/mcp/task_exec.h \
    server/mcp/task_input.c server/mcp/task_input.h \
    server/mcp/text_shape.c server/mcp/text_shape.h \
    server/mcp/tool.c server/mcp/tool.h \
    server/mcp/tool_cancel_execution.c \
    server/mcp/tool_execute_code.c \
    server/mcp/tool_get_execution_output.c \
    server/mcp/tool_get_execution_status.c \
    server/mcp/tool_list_executions.c \
    server/mcp/tool_list_files.c \
    server/mcp/tool_read_file.c \
    server/mcp/tool_send_stdin.c \
    server/mcp/tool_write_file.c \
    server/mcp/waiting_json.c server/mcp/waiting_json.h \
    server/mcp/until.c server/mcp/until.h \
    server/mcp/workspace.c server/mcp/workspace.h
# Before the core's: it calls mcp_….
PACK_EXEC_LIBS = libpack_exec.a $(MCP_LIBS)
