#include "commands.h"
#include "report.h"

ll_status ll_cmd_report(const ll_options *options, ll_error *error) {
    return ll_report_write(options->model, options->out ? options->out : options->model,
                           options->quiet ? NULL : stdout, error);
}
