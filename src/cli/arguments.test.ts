import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  clusterNamed,
  oneOf,
  parseFlags,
  refuseUnbuilt,
  splitCommand,
  wholeNumber,
} from './arguments.ts'
import { UsageError } from './usage-error.ts'

const refused = (says: RegExp) => (error: unknown) =>
  error instanceof UsageError && says.test(error.message)

suite('parseFlags()', () => {
  const flags = { all: { type: 'boolean' }, output: { type: 'string', short: 'o' } } as const

  test('reads flags before and behind operands', () => {
    const { values, positionals } = parseFlags('get', ['-o', 'json', 'x', '--name=c2'], flags, 1)
    assert.deepEqual({ ...values }, { output: 'json', name: 'c2' })
    assert.deepEqual(positionals, ['x'])
  })

  const cases = [
    {
      name: 'an unknown flag',
      args: ['--fast'],
      says: /`fairlead down`: Unknown option '--fast' \(/,
    },
    { name: 'a word too many', args: ['c2'], says: /nobody knows what c2 is for/ },
    { name: 'a missing value', args: ['--name'], says: /argument missing/ },
    { name: 'a value too many', args: ['--all=yes'], says: /does not take an argument/ },
  ]
  for (const { name, args, says } of cases) {
    test(`refuses ${name}`, () =>
      assert.throws(() => parseFlags('down', args, flags), refused(says)))
  }
})

suite('splitCommand()', () => {
  const cases = [
    { args: ['a', '--', 'b', '--', 'c'], own: ['a'], command: ['b', '--', 'c'] },
    { args: ['a'], own: ['a'], command: [] },
    { args: ['--'], own: [], command: [] },
  ]
  for (const { args, own, command } of cases) {
    test(args.join(' '), () => assert.deepEqual(splitCommand(args), { own, command }))
  }
})

suite('Values of flags', () => {
  test('a cluster is c1 unless named', () => {
    assert.equal(clusterNamed(undefined).name, 'c1')
    assert.equal(clusterNamed('dev').name, 'dev')
    for (const name of ['', '../x', 'A'])
      assert.throws(() => clusterNamed(name), refused(/Cannot use --name/))
  })

  test('a whole number is digits', () => {
    assert.equal(wholeNumber('--nodes', undefined), undefined)
    assert.equal(wholeNumber('--nodes', '12'), 12)
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1', '9'.repeat(10)])
      assert.throws(() => wholeNumber('--nodes', text), refused(/Cannot use --nodes/))
  })

  test('a choice is one of those', () => {
    assert.equal(oneOf('-o', 'json', ['json', 'wide']), 'json')
    assert.equal(oneOf('-o', undefined, ['json']), undefined)
    assert.throws(
      () => oneOf('-o', 'xml', ['json', 'wide']),
      refused(/^Cannot use -o xml: it is one of json, wide$/),
    )
  })

  test('what is not built is refused by name', () => {
    refuseUnbuilt({ runtime: 'process', egress: undefined })
    assert.throws(
      () => refuseUnbuilt({ runtime: 'containerd' }),
      refused(/^Cannot use --runtime containerd: it is not built yet \(--runtime process is\)$/),
    )
  })
})
