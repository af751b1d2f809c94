#include "config/load.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "config/flags.h"
#include "config/help.h"
#include "config/layers.h"
#include "config/print.h"
#include "config/value.h"

/* The file of the machine is about the service of the machine. */
static bool is_for_one_client(const struct config_flags *flags)
{
    bool is_so = false;
    for (size_t i = 0; i < flags->n_assignments; i++) {
        const struct config_assignment *a = &flags->assignments[i];
        if (a->key == config_key_get("server.stdio"))
            is_so = !a->value || strcmp(a->value, "false") != 0;
    }
    return is_so;
}

static void read_layers(struct config_layers *l, const struct config_flags *flags,
                        const struct config_world *world)
{
    if (flags->file)
        layers_read_file(l, flags->file, true);
    else if (!is_for_one_client(flags))
        layers_read_file(l, world->file, false);
    layers_read_environment(l, world->machine.environ_);
    layers_read_flags(l, flags);
    check_layers(l, &world->machine);
}

/* Output that a full disk swallowed is not done. */
static enum config_action finish_output(const struct config_world *world)
{
    if (fflush(world->out) == 0)
        return CONFIG_EXIT_OK;
    (void)fprintf(world->errors, "standard output: %s\n", strerror(errno));
    return CONFIG_EXIT_BAD;
}

/* What the flags ask for, once all of it has been read. */
static enum config_action act(struct config_layers *l, const struct config_flags *flags,
                              const struct config_world *world, struct config **ret_config)
{
    if (l->report.n_errors > 0)
        return CONFIG_EXIT_BAD;
    if (!flags->is_print && !flags->is_check) {
        *ret_config = layers_steal(l);
        if (!flags->is_doctor)
            return CONFIG_RUN;
        (*ret_config)->nginx_file = flags->nginx ? mem_strdup(flags->nginx) : NULL;
        return CONFIG_DOCTOR;
    }
    if (flags->is_print)
        print_layers(world->out, l);
    else
        (void)fputs("the configuration is valid\n", world->out);
    return finish_output(world);
}

enum config_action load_from(int argc, char *const *argv, const struct config_world *world,
                             struct config **ret_config)
{
    CLEANUP(layers_deinit) struct config_layers layers;
    CLEANUP(flags_deinit) struct config_flags flags;
    layers_init(&layers, world->errors);
    flags_init(&flags, argc, argv, &layers.report);
    if (flags.is_help) {
        help_write(world->out);
        return finish_output(world);
    }
    if (flags.is_version) {
        help_write_version(world->out);
        return finish_output(world);
    }
    read_layers(&layers, &flags, world);
    return act(&layers, &flags, world, ret_config);
}

enum config_action config_load(int argc, char **argv, char **environ_, struct config **ret_config)
{
    char host_name[HOST_NAME_MAX + 1] = "";
    (void)gethostname(host_name, sizeof(host_name) - 1); /* none: check_safe_replica_id() has one */
    const struct config_world world = {
        .file = "/etc/mcp-execd/mcp-execd.yaml",
        .machine = {.state_dir = "/var/lib/mcp-execd",
                    .host_name = host_name,
                    .environ_ = environ_},
        .out = stdout,
        .errors = stderr,
    };
    return load_from(argc, argv, &world, ret_config);
}

void config_forget_secrets(void)
{
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *k = &config_keys[i];
        bool is_secret = k->type == CONFIG_T_SECRET || k->type == CONFIG_T_URL;
        char *value = is_secret && k->variable ? getenv(k->variable) : NULL;
        if (!value)
            continue;
        explicit_bzero(value, strlen(value));
        (void)unsetenv(k->variable); /* fails for no name of ours */
    }
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < config_n_keys; i++)
        config_value_deinit(c, &config_keys[i]);
    free(c->nginx_file);
    free(c->config_file);
    free(c);
}
