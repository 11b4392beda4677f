/* Names of files, and what folders hold. Private to model/. */
#ifndef LL_PATH_H
#define LL_PATH_H
#include <stdbool.h>

bool ll_path_is_folder(const char *path);
bool ll_path_is_there(const char *folder, const char *name);
/* Whether a file of the folder has a name that ends so. */
bool ll_path_holds(const char *folder, const char *end);
bool ll_path_ends_with(const char *path, const char *end);
/* What follows the last slash: within path. */
const char *ll_path_base(const char *path);
/* "folder/name", malloc'd; NULL without memory. */
char *ll_path_in(const char *folder, const char *name);
#endif
