/**
 * nginx's configuration language as a tree, and the one function that writes it. Words are ours: a fixed alphabet that has no meaning to
 * nginx's reader. Everything that comes from an API object is a text and always leaves in quotes.
 */
export interface Directive {
  readonly name: Argument
  readonly args: readonly Argument[]
  readonly block?: readonly Directive[]
}

export type Argument =
  /** A constant of this program, or a number. May name variables. */
  | string
  | number
  /** From outside. nginx must not look for variables in it. */
  | { readonly text: string }
  /** From outside, where nginx looks for no variables: the URI of a location, the name of a server. */
  | { readonly literal: string }
  /** A constant of this program that needs quotes: a format with variables. */
  | { readonly format: string }

export function directive(name: Argument, ...args: readonly Argument[]): Directive {
  return { name, args }
}

export function block(
  name: Argument,
  args: readonly Argument[],
  content: readonly Directive[],
): Directive {
  return { name, args, block: content }
}

const WORD = /^[A-Za-z0-9_$~=^:/.@*+()-]+$/

/** @throws RangeError where a text holds what cannot be written; nothing of it was emitted then */
export function emit(directives: readonly Directive[], indent = ''): string {
  return directives
    .map(({ name, args, block: content }) => {
      const head = [name, ...args].map(write).join(' ')
      if (!content) return `${indent}${head};\n`
      return `${indent}${head} {\n${emit(content, `${indent}  `)}${indent}}\n`
    })
    .join('')
}

function write(argument: Argument): string {
  if (typeof argument === 'number') return String(argument)
  if (typeof argument === 'string') {
    if (!WORD.test(argument))
      throw new RangeError(`Cannot write ${JSON.stringify(argument)}: no word`)
    return argument
  }
  if ('format' in argument) return quote(argument.format)
  if ('literal' in argument) return quote(argument.literal)
  // nginx knows no way to write a dollar sign where it looks for variables.
  if (argument.text.includes('$')) {
    throw new RangeError(
      `Cannot write ${JSON.stringify(argument.text)}: nginx would read a variable`,
    )
  }
  return quote(argument.text)
}

/** nginx reads a word into a buffer of 4096 bytes (NGX_CONF_BUFFER in src/core/ngx_conf_file.c). */
const MAX_BYTES = 4000

/** In double quotes only `"` and `\` mean something to nginx's reader (ngx_conf_read_token), and a backslash takes that away. */
function quote(text: string): string {
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw new RangeError(`Cannot write ${JSON.stringify(text)}: it holds a control character`)
  }
  const quoted = `"${text.replaceAll(/["\\]/g, '\\$&')}"`
  if (Buffer.byteLength(quoted) > MAX_BYTES)
    throw new RangeError('Cannot write a word of over 4000 bytes')
  return quoted
}
