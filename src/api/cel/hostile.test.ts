/** Whatever an expression is, it is refused, or ends in an outcome, and no work goes beyond what is allowed. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONSchema } from '../custom-resource/json-schema.ts'
import { declare, environmentOf, sizesOf, withMeta } from '../custom-resource/rules/declare.ts'
import { typedValue } from '../custom-resource/rules/typed-value.ts'
import type { JSONObject } from '../json.ts'
import { compile } from './compile.ts'
import { estimate } from './estimate.ts'
import { CompileError, formatIssues } from './issues.ts'
import { LIBRARY } from './library.ts'
import { LimitExceeded, Meter, WORK_PER_CALL } from './meter.ts'
import { plan } from './plan.ts'

const text: JSONSchema = { type: 'string' }
const schema: JSONSchema = {
  type: 'object',
  properties: {
    s: text,
    i: { type: 'integer' },
    x: { 'x-kubernetes-int-or-string': true },
    l: { type: 'array', items: text },
    n: { type: 'array', items: { type: 'integer' } },
    m: { type: 'object', additionalProperties: text },
  },
}
const declared = declare(schema, true)!
const environment = environmentOf(declared, false)

type Outcome = 'refused' | 'stopped' | 'ended'

/** What becomes of it; anything but these three is thrown. */
function play(source: string, object: JSONObject): Outcome {
  const meter = new Meter(1_000_000)
  try {
    const checked = compile(source, environment)
    estimate(checked, sizesOf(declared))
    const self = typedValue(object, withMeta(schema))
    plan(checked).evaluate({ self, oldSelf: self }, meter)
    return 'ended'
  } catch (error) {
    if (error instanceof LimitExceeded) return 'stopped'
    if (!(error instanceof CompileError)) throw error
    assert.ok(formatIssues(error.issues, source).startsWith('ERROR: <input>:'))
    return 'refused'
  } finally {
    // One step may be as large as what it works on, and is counted before it is made.
    assert.ok(meter.work < 40 * WORK_PER_CALL, `${source.slice(0, 80)} worked ${meter.work}`)
  }
}

const long = 'x'.repeat(1_000_000)
const many = Array.from({ length: 100_000 }, (_, index) => index)
const object: JSONObject = {
  s: long,
  i: 3,
  x: '5%',
  l: Array(100_000).fill('x'),
  n: many,
  m: Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`k${index}`, 'v'])),
}
const nested = (depth: number, inner: string) =>
  Array.from({ length: depth }).reduceRight<string>(
    (body, _, index) => `self.n.all(v${index}, ${body})`,
    inner,
  )

const BOMBS: readonly { readonly name: string; readonly source: string; readonly want: Outcome }[] =
  [
    { name: 'loops in loops', source: nested(4, 'v0 + v1 >= 0'), want: 'stopped' },
    {
      name: 'the size of a long text, many times',
      source: 'self.n.all(v, self.s.size() > v - 1000000)',
      want: 'stopped',
    },
    {
      name: 'long lists joined, many times',
      source: 'self.n.all(v, (self.n + self.n).size() > 0)',
      want: 'stopped',
    },
    {
      name: 'a text that doubles',
      source: `${'optional.of(self.s + self.s).optMap(s, s + s).optMap(s, s + s)'}.value().size() > 0`,
      want: 'stopped',
    },
    {
      name: 'replacements that grow',
      source: `self.s${'.replace("", self.s)'.repeat(3)}.size() > 0`,
      want: 'ended',
    },
    { name: 'texts that are joined', source: 'self.l.join(self.s).size() > 0', want: 'ended' },
    {
      name: 'a pattern of many states',
      source: `self.s.matches('(x?){500}${'(x*x*)'.repeat(50)}y')`,
      want: 'stopped',
    },
    { name: 'a pattern made while it runs', source: 'self.s.matches(self.s)', want: 'stopped' },
    {
      name: 'many patterns made while it runs',
      source: "self.n.all(v, !'a'.matches('b{1,50}' + string(v)))",
      want: 'stopped',
    },
    {
      name: 'a pattern that would go back and forth',
      source: "self.s.matches('^(x+)+$')",
      want: 'stopped',
    },
    { name: 'a list of distinct items', source: 'self.n.distinct().size() > 0', want: 'stopped' },
    {
      name: 'a long list that is sorted',
      source: 'self.n.sortBy(v, -v).size() > 0',
      want: 'stopped',
    },
    { name: 'a long range', source: 'lists.range(1000000000).size() > 0', want: 'ended' },
    { name: 'sets of many', source: 'sets.equivalent(self.n, self.n)', want: 'stopped' },
    {
      name: 'a map that grows',
      source: 'self.n.transformMap(i, v, v).size() > 0',
      want: 'ended',
    },
    {
      name: 'a list that equals itself, many times',
      source: 'self.n.all(v, self.l == self.l)',
      want: 'stopped',
    },
    {
      name: 'a long text, quoted many times',
      source: "self.n.all(v, '%s%s%s'.format([self.s, self.s, self.s]).size() > 0)",
      want: 'stopped',
    },
    {
      name: 'digits without end',
      source: "'%.999999999f'.format([1.0]).size() > 0",
      want: 'ended',
    },
    {
      name: 'a target that is written out twice, often',
      source: `optional.of(1)${'.optMap(v, v)'.repeat(40)}.hasValue()`,
      want: 'refused',
    },
    {
      name: 'deep parentheses',
      source: `${'('.repeat(50_000)}1${')'.repeat(50_000)} == 1`,
      want: 'refused',
    },
    { name: 'a long chain', source: `self${'.a'.repeat(40_000)}`, want: 'refused' },
    {
      name: 'chains in parentheses',
      source: `${'('.repeat(240)}self${`${'.s'.repeat(200)})`.repeat(240)}`,
      want: 'refused',
    },
    { name: 'many operators', source: `0${'+ 1'.repeat(30_000)} == 1`, want: 'refused' },
    { name: 'many alternatives', source: `true${' || true'.repeat(10_000)}`, want: 'ended' },
    {
      name: 'deep lists',
      source: `${'['.repeat(5_000)}${']'.repeat(5_000)} == []`,
      want: 'refused',
    },
    {
      name: 'types that double',
      source: Array.from({ length: 60 }).reduce<string>(
        (inner, _, index) =>
          `optional.of([{${index}: ${inner}}]).optMap(v${index}, {true: v${index}, false: v${index}})`,
        '1',
      ),
      want: 'refused',
    },
    {
      name: 'many types to be found out',
      source: `[[]]${' == [[]] && [[]]'.repeat(5_000)} == [[]]`,
      want: 'ended',
    },
    { name: 'a long list', source: `1 in [${'1,'.repeat(45_000)}]`, want: 'ended' },
    { name: 'too long a text', source: `'${'x'.repeat(100_001)}' == ''`, want: 'refused' },
    { name: 'quotes without end', source: `'''${'"""'.repeat(30_000)}`, want: 'refused' },
    { name: 'what is no word', source: '@'.repeat(90_000), want: 'refused' },
  ]

suite('an expression that means harm', () => {
  for (const { name, source, want } of BOMBS)
    test(name, () => {
      assert.equal(play(source, object), want)
    })
})

const WORDS =
  'self oldSelf .s .i .x .l .n .m [ ] ( ) { } , : ? . && || ! - + * / % < <= > >= == != in true false null 1 0 -1 1.5 9223372036854775807 "a" \'b\' b"c" r"\\d" has( .all( .map( .exists( .filter( .exists_one( .optMap( .sortBy( v v0 .size() .matches( .find( .split( .join( .replace( .substring( .charAt( .format( .orValue( .value() ?. [? int( string( double( duration( timestamp( type( quantity( ip( cidr( url( semver( optional.of( optional.none() sets.contains( lists.range( .sum() .max() .sort() .reverse() .slice( .flatten() \\ ` @ \u00e9 \ud83d\ude00 // \n'.split(
    ' ',
  )

/** Functions meet values of all types where the checker does not know them. */
const METHODS = Object.entries(LIBRARY)
  .filter(([name, overloads]) => /^[a-z]/i.test(name) && overloads.some(({ isMember }) => isMember))
  .map(([name]) => name)

const FUNCTIONS = ['size', 'string', 'type', 'dyn', 'optional.of', '!', '-'] as const
const MACROS = ['all', 'exists', 'exists_one', 'map', 'filter'] as const

/** Expressions that mostly compile. */
const { expression } = fc.letrec<{ expression: string; atom: string }>((tie) => ({
  atom: fc.constantFrom(
    ...[
      'self.s',
      'self.i',
      'self.x',
      'self.l',
      'self.n',
      'self.m',
      '1',
      '2.5',
      "'a'",
      'true',
      'null',
    ],
    ...[
      '[1, 2]',
      "{'a': 1}",
      '7u',
      "b'a'",
      "duration('1m')",
      "timestamp('2020-01-01T00:00:00Z')",
      'int',
    ],
    ...["quantity('1k')", "ip('::1')", "cidr('10.0.0.0/8')", "semver('1.2.3')", "url('http://a')"],
    ...['format.dns1123Label()', 'optional.of(1)', 'optional.none()', 'self.?nope', 'v'],
  ),
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('atom'),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom('+', '-', '*', '/', '%', '<', '==', '&&', '||', 'in'),
        tie('expression'),
      )
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc.tuple(fc.constantFrom(...FUNCTIONS), tie('expression')).map(([name, a]) => `${name}(${a})`),
    fc
      .tuple(tie('atom'), fc.constantFrom(...MACROS), tie('expression'))
      .map(([a, name, b]) => `${a}.${name}(v, ${b})`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc
      .tuple(
        tie('expression'),
        fc.constantFrom(...METHODS),
        fc.array(tie('expression'), { maxLength: 2 }),
      )
      .map(
        ([a, name, args]) => `dyn(${a}).${name}(${args.map((arg) => `dyn(${arg})`).join(', ')})`,
      ),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `${a}[${b}]`),
  ),
}))

const small: JSONObject = { s: 'abc', i: 3, x: 5, l: ['a', 'b'], n: [1, 2], m: { a: 'b' } }

suite('expressions at random', () => {
  test('of words', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...WORDS), { maxLength: 30 }), (words) => {
        play(words.join(''), small)
      }),
      { numRuns: 300 },
    )
  })
  test('of any characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (source) => {
        play(source, small)
      }),
      { numRuns: 200 },
    )
  })
  test('that are well-formed', () => {
    fc.assert(
      fc.property(expression, (source) => {
        play(source, small)
      }),
      { numRuns: 300 },
    )
  })
})
