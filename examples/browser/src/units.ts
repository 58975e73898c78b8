/** Numbers as people read them. */

const WHOLE = new Intl.NumberFormat("en");

export function whole(value: number): string {
  return WHOLE.format(Math.round(value));
}

export function megabytes(bytes: number): string {
  return `${bytes < 1e7 ? (bytes / 1e6).toFixed(1) : whole(bytes / 1e6)} MB`;
}

export function some(count: number, name: string): string {
  return `${whole(count)} ${name}${count === 1 ? "" : "s"}`;
}
