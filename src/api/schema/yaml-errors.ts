import type { LineCounter, YAMLParseError } from 'yaml'

/** Why a text is no YAML that JSON can hold, as Go's library says it. */
export class YAMLError extends Error {
  override readonly name = 'YAMLError'
}

interface Explanation {
  readonly code: YAMLParseError['code']
  readonly when?: RegExp
  readonly text: string
  /** Go's parser counts lines from 0 when it complains, its scanner from 1. */
  readonly by: 'parser' | 'scanner'
}

const cannotStart = 'found character that cannot start any token'
const noMapping = 'mapping values are not allowed in this context'

// Source: goyaml.v2 scannerc.go and parserc.go, for what the parser that we use tells by these codes.
const explanations: readonly Explanation[] = [
  { code: 'TAB_AS_INDENT', text: cannotStart, by: 'scanner' },
  { code: 'BAD_SCALAR_START', text: cannotStart, by: 'scanner' },
  { code: 'BAD_DQ_ESCAPE', text: 'found unknown escape character', by: 'scanner' },
  { code: 'MISSING_CHAR', when: /quote/, text: 'found unexpected end of stream', by: 'scanner' },
  {
    code: 'BAD_INDENT',
    when: /Flow map/,
    text: "did not find expected ',' or '}'",
    by: 'parser',
  },
  {
    code: 'BAD_INDENT',
    when: /Flow seq/,
    text: "did not find expected ',' or ']'",
    by: 'parser',
  },
  { code: 'BAD_INDENT', text: 'did not find expected key', by: 'parser' },
  {
    code: 'UNEXPECTED_TOKEN',
    when: /block-seq-ind/,
    text: 'block sequence entries are not allowed in this context',
    by: 'scanner',
  },
  {
    code: 'UNEXPECTED_TOKEN',
    when: /flow-\w+-end/,
    text: 'did not find expected key',
    by: 'parser',
  },
  { code: 'BLOCK_AS_IMPLICIT_KEY', text: noMapping, by: 'scanner' },
]

export function explainYAMLError(error: YAMLParseError, lines: LineCounter): YAMLError {
  const { code, message, pos } = error
  const { line } = lines.linePos(pos[0])
  const known = explanations.find((one) => one.code === code && (one.when?.test(message) ?? true))
  if (!known) return new YAMLError(`yaml: line ${line}: ${message.split('\n')[0]}`)
  return new YAMLError(`yaml: line ${known.by === 'parser' ? line - 1 : line}: ${known.text}`)
}
