/** Vite takes style sheets out of the program; to the compiler they are imports of nothing. */
declare module '*.css'
