#include "path.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool ll_path_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool ll_path_is_there(const char *folder, const char *name) {
    struct stat info;
    char *path = ll_path_in(folder, name);
    const bool there = path && stat(path, &info) == 0;
    free(path);
    return there;
}

bool ll_path_holds(const char *folder, const char *end) {
    DIR *entries = opendir(folder);
    if (!entries)
        return false;
    bool found = false;
    for (const struct dirent *entry; !found && (entry = readdir(entries));)
        found = ll_path_ends_with(entry->d_name, end);
    closedir(entries);
    return found;
}

bool ll_path_ends_with(const char *path, const char *end) {
    const size_t length = strlen(path), tail = strlen(end);
    return length >= tail && strcmp(path + length - tail, end) == 0;
}

const char *ll_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *ll_path_in(const char *folder, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}
