/**
 * The images that the platform itself runs on (agent, pause, database, base of Node applications), and a few
 * that people name without thinking (nginx, busybox): pulled where a registry answers, else built on the spot
 * from Debian packages. `recipes.ts` says what is in each, `debian-image.ts` how one is made.
 */
export * from "./debian-image.ts";
export * from "./image-provider.ts";
export * from "./machine-recipe.ts";
export * from "./postgres-recipe.ts";
export * from "./recipes.ts";
