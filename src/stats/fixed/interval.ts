/** A point estimate with the limits of its confidence interval. */
export type Interval = { readonly estimate: number; readonly lower: number; readonly upper: number }
