/** Where the page's folder is, for whatever is loaded from it at run time; so this file stays at its root. */
export const ROOT = import.meta.url;
