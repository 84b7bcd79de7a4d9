import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  duplicate,
  forbidden,
  formatFieldError,
  invalid,
  invalidStatus,
  notFound,
  notSupported,
  quoteLikeGo,
  required,
  tooLong,
  tooMany,
} from './field-error.ts'

// Expected texts: apimachinery pkg/util/validation/field/errors.go v0.36, ErrorBody(); facts/services.md 1.2.
const cases = [
  {
    name: 'a number',
    error: invalid('spec.ports[0].port', 0, 'must be between 1 and 65535, inclusive'),
    want: 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  },
  {
    name: 'a string is quoted',
    error: invalid('metadata.name', 'A"b', 'bad'),
    want: 'metadata.name: Invalid value: "A\\"b": bad',
  },
  {
    name: 'a list is JSON',
    error: invalid('spec.clusterIPs', ['10.96.0.10'], 'failed'),
    want: 'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed',
  },
  {
    name: 'nil is null',
    error: invalid('spec.x', undefined, 'must be set'),
    want: 'spec.x: Invalid value: null: must be set',
  },
  { name: 'required', error: required('spec.ports'), want: 'spec.ports: Required value' },
  {
    name: 'required, and why',
    error: required('subsets[0]', 'must specify `addresses`'),
    want: 'subsets[0]: Required value: must specify `addresses`',
  },
  {
    name: 'not supported',
    error: notSupported('spec.type', 'X', ['A', 'B']),
    want: 'spec.type: Unsupported value: "X": supported values: "A", "B"',
  },
  { name: 'duplicate', error: duplicate('a[1]', 'web'), want: 'a[1]: Duplicate value: "web"' },
  { name: 'forbidden', error: forbidden('a', 'not here'), want: 'a: Forbidden: not here' },
  { name: 'not found', error: notFound('a', 'v'), want: 'a: Not found: "v"' },
  { name: 'too long', error: tooLong('a', 63), want: 'a: Too long: may not be more than 63 bytes' },
  {
    name: 'too many',
    error: tooMany('a', 9, 8),
    want: 'a: Too many: 9: must have at most 8 items',
  },
]

suite('formatFieldError() writes', () => {
  for (const { name, error, want } of cases) {
    test(name, () => assert.equal(formatFieldError(error), want))
  }
})

// Go: fmt.Printf("%q", s)
test('quoteLikeGo() escapes as %q does', () => {
  assert.equal(
    quoteLikeGo('a\n\t\x07\x01\\é\u0085\u{e0001}'),
    '"a\\n\\t\\a\\x01\\\\é\\u0085\\U000e0001"',
  )
})

suite('invalidStatus()', () => {
  test('names the kind, and says equal sentences once', () => {
    const error = required('spec.ports')
    const status = invalidStatus('Service', '', 'web', [error, error])
    assert.equal(status.message, 'Service "web" is invalid: spec.ports: Required value')
    assert.deepEqual(status.details, {
      name: 'web',
      kind: 'Service',
      causes: [
        { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' },
        { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' },
      ],
    })
  })
  test('lists several, and qualifies the kind by its group', () => {
    const status = invalidStatus('Deployment', 'apps', 'd', [required('a'), required('b')])
    assert.equal(
      status.message,
      'Deployment.apps "d" is invalid: [a: Required value, b: Required value]',
    )
    assert.equal(status.code, 422)
  })
  // decisions/0032: an answer must not be many times as long as its request.
  test('shows a long value in part', () => {
    const { message = '', details } = invalidStatus('Service', '', 'web', [
      invalid('a', 'x'.repeat(1_000_000), 'bad'),
    ])
    assert.ok(message.length < 20_000)
    assert.ok(message.endsWith('... (1000000 characters)": bad'))
    assert.ok((details?.causes?.[0]?.message ?? '').length < 20_000)
  })
  test('lists the first errors of very many, and says how many more there are', () => {
    const errors = Array.from({ length: 50_000 }, (_, i) => required(`spec.ports[${i}].name`))
    const { message = '', details } = invalidStatus('Service', '', 'web', errors)
    const causes = details?.causes ?? []
    assert.ok(causes.length > 1_000 && causes.length < 20_000)
    assert.ok(message.includes('[spec.ports[0].name: Required value, spec.ports[1].name: Required'))
    const left = 50_000 - causes.length
    assert.ok(message.endsWith(`, too many errors: ${left} more are not listed]`))
  })
})
