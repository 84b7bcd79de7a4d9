/** One word of POSIX sh: every byte but NUL stands for itself inside single quotes. The only way into a script. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError('Cannot quote a word for sh: it holds a NUL byte')
  return `'${word.replaceAll("'", `'\\''`)}'`
}
