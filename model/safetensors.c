#include "path.h"
#include "safetensors_parts.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names in a sentence, as many as have room. */
enum { LIST_ROOM = 480, MORE_ROOM = 40 };
typedef struct {
    char text[LIST_ROOM + MORE_ROOM];
    size_t used, shown, total;
} name_list;

static void list_add(name_list *list, const char *name) {
    const char *comma = list->shown ? ", " : "";
    list->total++;
    if (list->used + strlen(comma) + strlen(name) >= LIST_ROOM)
        return;
    list->used += (size_t)sprintf(list->text + list->used, "%s%s", comma, name);
    list->shown++;
}

static void list_end(name_list *list) {
    if (list->shown < list->total)
        snprintf(list->text + list->used, MORE_ROOM, " and %zu more", list->total - list->shown);
}

static ll_status no_memory(const char *folder, ll_error *error) {
    return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", folder);
}

/* ---- the set of tensors ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const ll_tensor *const *)a)->name, (*(const ll_tensor *const *)b)->name);
}

static ll_status index_tensors(ll_safetensors *files, ll_error *error) {
    files->by_name = malloc((files->count + 1) * sizeof *files->by_name);
    if (!files->by_name)
        return no_memory(files->files[0].path, error);
    for (size_t i = 0; i < files->count; i++)
        files->by_name[i] = &files->tensors[i];
    qsort(files->by_name, files->count, sizeof *files->by_name, compare_names);
    for (size_t i = 1; i < files->count; i++)
        if (compare_names(&files->by_name[i - 1], &files->by_name[i]) == 0)
            return ll_fail(error, LL_BAD_INPUT, "%s: tensor %.160s is in %s too; expected in one file",
                           ll_safetensors_file_of(files, files->by_name[i - 1]), files->by_name[i]->name,
                           ll_safetensors_file_of(files, files->by_name[i]));
    return LL_OK;
}

static ll_status open_file(ll_safetensors *files, const char *folder, const char *name, ll_error *error) {
    ll_safetensors_file *file = &files->files[files->file_count++];
    if (!(file->path = ll_path_in(folder, name)))
        return no_memory(folder, error);
    LL_TRY(ll_mapping_open(&file->map, file->path, error));
    return ll_safetensors_read_header(files, file, error);
}

static ll_status room_for_files(ll_safetensors *files, size_t count, const char *folder, ll_error *error) {
    files->files = calloc(count, sizeof *files->files);
    return files->files ? LL_OK : no_memory(folder, error);
}

/* ---- shards ---- */

static ll_status find_shards(const ll_safetensors_index *index, const char *folder, ll_error *error) {
    name_list missing = {.total = 0};
    for (size_t i = 0; i < index->count; i++)
        if (!ll_path_is_there(folder, index->names[i]))
            list_add(&missing, index->names[i]);
    list_end(&missing);
    if (missing.total)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %zu of the %zu files that %s names are missing: %s; fetch them", folder,
                       missing.total, index->count, LL_SAFETENSORS_INDEX, missing.text);
    return LL_OK;
}

/* Every tensor of the index is where the index says. */
static ll_status check_index(const ll_safetensors *files, const ll_safetensors_index *index,
                             const char *folder, ll_error *error) {
    name_list missing = {.total = 0};
    const char *name;
    json_t *shard;
    json_object_foreach(index->map, name, shard) {
        if (ll_safetensors_ignorable(name))
            continue;
        const ll_tensor *tensor = ll_safetensors_find(files, name);
        const char *path = tensor ? ll_safetensors_file_of(files, tensor) : NULL;
        if (path && strcmp(ll_path_base(path), json_string_value(shard)) == 0)
            continue;
        char described[240];
        snprintf(described, sizeof described, "%.100s (%.100s)", name, json_string_value(shard));
        list_add(&missing, described);
    }
    list_end(&missing);
    if (missing.total)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %s places %zu of its tensors in files that lack them: %s; fetch the model again",
                       folder, LL_SAFETENSORS_INDEX, missing.total, missing.text);
    return LL_OK;
}

static ll_status open_parsed(ll_safetensors *files, const ll_safetensors_index *index, const char *folder,
                             ll_error *error) {
    LL_TRY(find_shards(index, folder, error));
    LL_TRY(room_for_files(files, index->count, folder, error));
    for (size_t i = 0; i < index->count; i++)
        LL_TRY(open_file(files, folder, index->names[i], error));
    LL_TRY(index_tensors(files, error));
    return check_index(files, index, folder, error);
}

static ll_status open_shards(ll_safetensors *files, const char *folder, ll_error *error) {
    char *path = ll_path_in(folder, LL_SAFETENSORS_INDEX);
    ll_mapping map = {0};
    ll_safetensors_index index = {0};
    ll_status status = path ? ll_mapping_open(&map, path, error) : no_memory(folder, error);
    if (status == LL_OK)
        status = ll_safetensors_index_parse(&index, (const char *)map.data, (size_t)map.bytes, path, error);
    if (status == LL_OK)
        status = open_parsed(files, &index, folder, error);
    ll_safetensors_index_free(&index);
    ll_mapping_close(&map);
    free(path);
    return status;
}

/* ---- folders without a model ---- */

/* Names in the folder that end so; false when the folder cannot be read. */
static bool list_folder(const char *folder, const char *suffix, name_list *found) {
    DIR *stream = opendir(folder);
    if (!stream)
        return false;
    for (const struct dirent *item; (item = readdir(stream));)
        if (ll_path_ends_with(item->d_name, suffix))
            list_add(found, item->d_name);
    closedir(stream);
    list_end(found);
    return true;
}

/* Says what there is instead and what to do. */
static ll_status refuse_folder(const char *folder, ll_error *error) {
    name_list parts = {.total = 0}, pickles = {.total = 0}, checkpoints = {.total = 0};
    if (!list_folder(folder, ".safetensors", &parts))
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened as a folder: %s", folder, strerror(errno));
    if (parts.total)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: has %s, but neither %s nor %s, which tells the files of a model; fetch it",
                       folder, parts.text, LL_SAFETENSORS_WHOLE, LL_SAFETENSORS_INDEX);
    list_folder(folder, ".bin", &pickles);
    list_folder(folder, ".pth", &checkpoints);
    if (pickles.total || checkpoints.total)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: has its weights as PyTorch files (%.200s), which are not read; convert them to safetensors: "
            "in Python, AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW_FOLDER)",
            folder, pickles.total ? pickles.text : checkpoints.text);
    return ll_fail(error, LL_BAD_INPUT, "%s: has neither %s nor %s; expected a model's weights", folder,
                   LL_SAFETENSORS_WHOLE, LL_SAFETENSORS_INDEX);
}

/* ---- interface ---- */

static ll_status open_folder(ll_safetensors *files, const char *folder, ll_error *error) {
    if (!ll_path_is_there(folder, LL_SAFETENSORS_WHOLE))
        return ll_path_is_there(folder, LL_SAFETENSORS_INDEX) ? open_shards(files, folder, error)
                                                              : refuse_folder(folder, error);
    LL_TRY(room_for_files(files, 1, folder, error));
    LL_TRY(open_file(files, folder, LL_SAFETENSORS_WHOLE, error));
    return index_tensors(files, error);
}

static ll_status open_memory(ll_safetensors *files, ll_mapping map, const char *name, ll_error *error) {
    LL_TRY(room_for_files(files, 1, name, error));
    ll_safetensors_file *file = &files->files[files->file_count++];
    *file = (ll_safetensors_file){.path = strdup(name), .map = map, .borrowed = true};
    if (!file->path)
        return no_memory(name, error);
    LL_TRY(ll_safetensors_read_header(files, file, error));
    return index_tensors(files, error);
}

/* Hands the files over, or closes them. */
static ll_status finish(ll_safetensors **out, ll_safetensors *files, ll_status status) {
    if (status == LL_OK)
        *out = files;
    else
        ll_safetensors_close(files);
    return status;
}

ll_status ll_safetensors_open(ll_safetensors **out, const char *folder, ll_error *error) {
    *out = NULL;
    ll_safetensors *files = calloc(1, sizeof *files);
    return files ? finish(out, files, open_folder(files, folder, error)) : no_memory(folder, error);
}

ll_status ll_safetensors_from_memory(ll_safetensors **out, const void *data, size_t length, const char *name,
                                     ll_error *error) {
    *out = NULL;
    const ll_mapping map = {.data = data, .bytes = length};
    ll_safetensors *files = calloc(1, sizeof *files);
    return files ? finish(out, files, open_memory(files, map, name, error)) : no_memory(name, error);
}

void ll_safetensors_close(ll_safetensors *files) {
    if (!files)
        return;
    for (size_t i = 0; i < files->file_count; i++) {
        if (!files->files[i].borrowed)
            ll_mapping_close(&files->files[i].map);
        free(files->files[i].path);
    }
    for (size_t i = 0; i < files->count; i++)
        free((char *)(uintptr_t)files->tensors[i].name);
    free(files->files);
    free(files->tensors);
    free(files->by_name);
    free(files);
}

size_t ll_safetensors_count(const ll_safetensors *files) {
    return files->count;
}

const ll_tensor *ll_safetensors_at(const ll_safetensors *files, size_t index) {
    return index < files->count ? &files->tensors[index] : NULL;
}

const ll_tensor *ll_safetensors_find(const ll_safetensors *files, const char *name) {
    const ll_tensor wanted = {.name = name}, *key = &wanted;
    const ll_tensor **hit =
        bsearch(&key, files->by_name, files->count, sizeof *files->by_name, compare_names);
    return hit ? *hit : NULL;
}

uint64_t ll_safetensors_bytes(const ll_safetensors *files) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < files->file_count; i++)
        bytes += files->files[i].map.bytes;
    return bytes;
}

size_t ll_safetensors_file_count(const ll_safetensors *files) {
    return files->file_count;
}

const char *ll_safetensors_file_path(const ll_safetensors *files, size_t index) {
    return index < files->file_count ? files->files[index].path : NULL;
}

const char *ll_safetensors_file_of(const ll_safetensors *files, const ll_tensor *tensor) {
    const size_t index = (size_t)(tensor - files->tensors);
    size_t file = files->file_count - 1;
    while (file > 0 && files->files[file].first > index)
        file--;
    return files->files[file].path;
}
