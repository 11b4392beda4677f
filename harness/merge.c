#include "merge.h"
#include "documents.h"
#include "merge_private.h"
#include "report/report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What folders have beside their CSVs; the first folder's is taken. */
static const char *const beside_rows[] = {"plan.json", "placement.svg"};

static ll_status make_path(const ll_merge *merge, char path[LL_MERGE_PATH], const char *folder,
                           const char *name, const char *ending) {
    if (snprintf(path, LL_MERGE_PATH, "%s/%s%s", folder, name, ending) < LL_MERGE_PATH)
        return LL_OK;
    return ll_fail(merge->error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", folder);
}

/* ---- what is read ---- */
static ll_status load_input(const ll_merge *merge, ll_merge_input *input) {
    char path[LL_MERGE_PATH];
    size_t rows = 0;
    struct stat info;
    if (stat(input->folder, &info) != 0 || !S_ISDIR(info.st_mode))
        return ll_fail(merge->error, LL_BAD_INPUT, "%s: is no folder; expected one that a sweep wrote",
                       input->folder);
    for (size_t i = 0; i < LL_MERGE_FILES; i++) {
        LL_TRY(make_path(merge, path, input->folder, ll_merge_schemas[i]->name, ".csv"));
        if (access(path, F_OK) != 0 && errno == ENOENT)
            continue;
        LL_TRY(ll_csv_read(&input->csv[i], path, ll_merge_schemas[i], merge->error));
        rows += ll_csv_rows(input->csv[i]);
    }
    LL_TRY(ll_parts_read(&input->parts, input->folder, merge->error));
    /* A sweep with more parts than rows leaves some of them none. */
    if (rows || input->parts.root)
        return LL_OK;
    return ll_fail(merge->error, LL_BAD_INPUT,
                   "%s: holds no rows of a sweep; name the folder of its CSV files", input->folder);
}

/* Where a row was found, and of what model it is. */
typedef struct {
    const ll_csv *csv;
    size_t row;
    const char *sha256, *name;
} sighting;

static sighting look_at(const ll_csv *csv, const ll_csv_schema *schema, size_t row) {
    sighting seen = {csv, row, ll_csv_cell(csv, row, "model_sha256"), ""};
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->columns[i], "model") == 0)
            seen.name = ll_csv_cell(csv, row, "model");
    return seen;
}

static ll_status check_models(const ll_merge *merge) {
    sighting first = {0};
    for (size_t i = 0; i < merge->count; i++)
        for (size_t f = 0; f < LL_MERGE_FILES; f++) {
            const ll_csv *csv = merge->inputs[i].csv[f];
            for (size_t r = 0; csv && r < ll_csv_rows(csv); r++) {
                const sighting here = look_at(csv, ll_merge_schemas[f], r);
                if (!first.csv)
                    first = here;
                if (strcmp(first.sha256, here.sha256) != 0)
                    return ll_fail(
                        merge->error, LL_BAD_INPUT,
                        "%s: line %zu is of model %.64s (%.24s), %s: line %zu of %.64s (%.24s); a merge is "
                        "of one model",
                        ll_csv_path(first.csv), ll_csv_line_of(first.csv, first.row), first.name,
                        first.sha256, ll_csv_path(here.csv), ll_csv_line_of(here.csv, here.row), here.name,
                        here.sha256);
            }
        }
    return LL_OK;
}

/* ---- the folder that is written ---- */
/* Of a folder that merge made: it has no folders in it. False: something is left. */
static bool remove_flat(const char *path) {
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT;
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        (void)unlinkat(dirfd(folder), entry->d_name, 0); /* what stays makes rmdir fail */
    closedir(folder);
    return rmdir(path) == 0;
}

static bool is_ours(const char *name) {
    bool ours = ll_report_makes(name) || strcmp(name, LL_PARTS_FILE) == 0;
    for (size_t i = 0; i < sizeof beside_rows / sizeof *beside_rows; i++)
        ours = ours || strcmp(name, beside_rows[i]) == 0;
    for (size_t i = 0; i < LL_MERGE_FILES; i++) {
        const size_t length = strlen(ll_merge_schemas[i]->name);
        ours = ours ||
               (strncmp(name, ll_merge_schemas[i]->name, length) == 0 && strcmp(name + length, ".csv") == 0);
    }
    return ours;
}

/* Whether something lies there that no merge writes. */
static bool holds_others(const char *path) {
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = !folder;
    while (folder && (entry = readdir(folder)))
        found |=
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_ours(entry->d_name);
    if (folder)
        closedir(folder);
    return found;
}

/* What is replaced are rows that merge took from elsewhere, never those that a sweep measured. */
static ll_status check_replaced(const ll_merge *merge, const char *out) {
    ll_parts parts;
    LL_TRY(ll_parts_read(&parts, out, merge->error));
    bool merged = parts.root && !holds_others(out);
    for (size_t i = 0; i < parts.count; i++)
        merged &= parts.sweeps[i].asked == 0;
    ll_parts_free(&parts);
    if (merged)
        return LL_OK;
    return ll_fail(
        merge->error, LL_BAD_INPUT,
        "%s: is not just what an earlier merge made, so --force does not replace it; name another folder",
        out);
}

static ll_status check_out(const ll_merge *merge, const char *out) {
    struct stat info, other;
    if (lstat(out, &info) != 0)
        return errno == ENOENT
                   ? LL_OK
                   : ll_fail(merge->error, LL_BAD_INPUT, "%s: cannot be made: %s", out, strerror(errno));
    for (size_t i = 0; i < merge->count; i++)
        if (stat(merge->inputs[i].folder, &other) == 0 && other.st_dev == info.st_dev &&
            other.st_ino == info.st_ino)
            return ll_fail(merge->error, LL_BAD_INPUT,
                           "%s: is one of the folders that are merged; the first folder named is the new one",
                           out);
    if (!merge->options->force || !S_ISDIR(info.st_mode))
        return ll_fail(
            merge->error, LL_BAD_INPUT,
            "%s: is there already; name a folder that is not (--force replaces what an earlier merge made)",
            out);
    return check_replaced(merge, out);
}

static ll_status write_rows(const ll_merge *merge, const char *folder) {
    for (size_t i = 0; i < LL_MERGE_FILES; i++) {
        char path[LL_MERGE_PATH], *text;
        size_t length;
        LL_TRY(make_path(merge, path, folder, ll_merge_schemas[i]->name, ".csv"));
        LL_TRY(ll_merge_rows(merge, i, &text, &length));
        const ll_status status = text ? ll_file_write(path, text, length, merge->error) : LL_OK;
        free(text);
        LL_TRY(status);
    }
    return LL_OK;
}

static ll_status copy_first(const ll_merge *merge, const char *folder, const char *name) {
    char path[LL_MERGE_PATH], *text;
    size_t length, i = 0;
    for (; i < merge->count; i++) {
        LL_TRY(make_path(merge, path, merge->inputs[i].folder, name, ""));
        if (access(path, F_OK) == 0)
            break;
    }
    if (i == merge->count)
        return LL_OK;
    LL_TRY(ll_file_read(path, &text, &length, merge->error));
    ll_status status = make_path(merge, path, folder, name, "");
    if (status == LL_OK)
        status = ll_file_write(path, text, length, merge->error);
    free(text);
    return status;
}

static ll_status write_parts(const ll_merge *merge, const char *folder) {
    ll_parts_sweep *sweeps = calloc(merge->sweep_count + 1, sizeof *sweeps);
    if (!sweeps)
        return ll_fail(merge->error, LL_NO_RESOURCE, "no memory for a list of sweeps");
    for (size_t i = 0; i < merge->sweep_count; i++)
        sweeps[i] = merge->sweeps[i].whole;
    const ll_status status = ll_parts_write(sweeps, merge->sweep_count, folder, merge->error);
    free(sweeps);
    return status;
}

static ll_status fill(const ll_merge *merge, const char *folder) {
    LL_TRY(write_rows(merge, folder));
    for (size_t i = 0; i < sizeof beside_rows / sizeof *beside_rows; i++)
        LL_TRY(copy_first(merge, folder, beside_rows[i]));
    return write_parts(merge, folder);
}

/* Two folders that are there change places in one step. Some cluster file systems cannot do that: there the old one goes first. */
static bool replace(const char *folder, const char *out) {
    char old[LL_MERGE_PATH];
    if (renameat2(AT_FDCWD, folder, AT_FDCWD, out, RENAME_EXCHANGE) == 0) {
        (void)remove_flat(folder); /* left over it does no harm */
        return true;
    }
    if (errno != EINVAL || snprintf(old, sizeof old, "%s.old", folder) >= LL_MERGE_PATH ||
        rename(out, old) != 0)
        return false;
    if (rename(folder, out) != 0) {
        const int reason = errno;
        (void)rename(old, out);
        errno = reason;
        return false;
    }
    (void)remove_flat(old);
    return true;
}

/* No kill leaves a part of a folder. A folder that has come to be there meanwhile is not touched, unless that is what was asked. */
static ll_status put_in_place(const ll_merge *merge, const char *folder, const char *out) {
    if (renameat2(AT_FDCWD, folder, AT_FDCWD, out, RENAME_NOREPLACE) == 0 ||
        (errno == EINVAL && access(out, F_OK) != 0 && rename(folder, out) == 0) ||
        (merge->options->force && access(out, F_OK) == 0 && replace(folder, out)))
        return LL_OK;
    return ll_fail(merge->error, LL_BAD_INPUT, "%s: cannot be put in place: %s", out, strerror(errno));
}

static ll_status make_beside(const ll_merge *merge, const char *out, char beside[LL_MERGE_PATH]) {
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    const size_t size =
        (size_t)snprintf(beside, LL_MERGE_PATH, "%.*s.part-%ld", (int)length, out, (long)getpid());
    if (size >= LL_MERGE_PATH)
        return ll_fail(merge->error, LL_BAD_USAGE, "%.200s...: the path is too long", out);
    if (!remove_flat(beside))
        return ll_fail(merge->error, LL_BAD_INPUT, "%s: is there already; remove it", beside);
    return ll_folder_make(beside, merge->error);
}

static ll_status write_folder(const ll_merge *merge, const char *out, FILE *table) {
    char beside[LL_MERGE_PATH];
    LL_TRY(make_beside(merge, out, beside));
    ll_status status = fill(merge, beside);
    if (status != LL_OK) {
        (void)remove_flat(beside);
        return status;
    }
    /* As after a sweep: without gnuplot, say, the rows are there all the same. */
    const ll_status reported = ll_report_write(beside, beside, out, table, merge->error);
    status = reported == LL_BAD_INPUT ? ll_fail_in(merge->error, reported, "the rows merged")
                                      : put_in_place(merge, beside, out);
    if (status != LL_OK)
        (void)remove_flat(beside);
    else if (reported != LL_OK)
        status = ll_fail_in(merge->error, reported, "%s: the rows are merged, the report failed", out);
    return status;
}

static ll_status run(ll_merge *merge, FILE *table) {
    const char *out = merge->options->folders[0];
    LL_TRY(check_out(merge, out));
    for (size_t i = 0; i < merge->count; i++)
        LL_TRY(load_input(merge, &merge->inputs[i]));
    LL_TRY(check_models(merge));
    LL_TRY(ll_merge_find_sweeps(merge));
    return write_folder(merge, out, table);
}

ll_status ll_merge_run(const ll_options *options, FILE *table, ll_error *error) {
    ll_merge merge = {.options = options, .count = options->folder_count - 1, .error = error};
    merge.inputs = calloc(merge.count + 1, sizeof *merge.inputs);
    if (!merge.inputs)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to merge %zu folders", merge.count);
    for (size_t i = 0; i < merge.count; i++)
        merge.inputs[i].folder = options->folders[i + 1];
    const ll_status status = run(&merge, table);
    for (size_t i = 0; i < merge.count; i++) {
        ll_parts_free(&merge.inputs[i].parts);
        for (size_t f = 0; f < LL_MERGE_FILES; f++)
            ll_csv_close(merge.inputs[i].csv[f]);
    }
    for (size_t i = 0; i < merge.sweep_count; i++)
        free(merge.sweeps[i].whole.finished);
    free(merge.sweeps);
    free(merge.inputs);
    return status;
}
