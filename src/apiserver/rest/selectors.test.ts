import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { pod as podKind } from '#api/kinds/pod.ts'
import { StatusError } from '#api/status.ts'
import { parseFieldSelector } from './field-selector.ts'
import { formatSelector } from './format-selector.ts'
import { parseLabelSelector } from './label-selector.ts'
import { readSelectable } from './selectable.ts'

const labels = { app: 'web', tier: 'front', 'example.com/size': '12' }

// Syntax: kubernetes.io "Labels and Selectors"; cases of apimachinery pkg/labels/selector_test.go.
const selectors = [
  { text: '', want: true },
  { text: 'app=web', want: true },
  { text: 'app == web', want: true },
  { text: 'app!=web', want: false },
  { text: 'none!=web', want: true },
  { text: 'app=web,tier=back', want: false },
  { text: 'tier in (back,front), app', want: true },
  { text: 'tier notin (back)', want: true },
  { text: 'none notin (x)', want: true },
  { text: '!none', want: true },
  { text: '! app', want: false },
  { text: 'example.com/size>11', want: true },
  { text: 'example.com/size<12', want: false },
  { text: 'app=', want: false },
  { text: 'toString', want: false },
]

suite('parseLabelSelector() of', () => {
  for (const { text, want } of selectors) {
    test(`"${text}"`, () => assert.equal(parseLabelSelector(text)?.(labels) ?? true, want))
  }
  for (const text of [
    'a b',
    '=',
    'a=b=c',
    'a in b',
    'a in (b',
    ',',
    'a=b,',
    '-a=b',
    'a=-b',
    `${'a'.repeat(64)}=b`,
  ]) {
    test(`"${text}" is refused`, () => {
      assert.throws(
        () => parseLabelSelector(text),
        (error) => error instanceof StatusError && error.status.code === 400,
      )
    })
  }
})

const pod = {
  metadata: { name: 'a,b', namespace: 'default' },
  spec: { nodeName: 'node1', containers: [] },
  status: { phase: 'Running' },
}

// apimachinery pkg/fields/selector_test.go for the escapes; apis/core/v1/conversion.go for the fields.
const fieldSelectors = [
  { text: 'metadata.name=a\\,b', want: true },
  { text: 'metadata.namespace!=default', want: false },
  { text: 'spec.nodeName=node1,status.phase=Running', want: true },
  { text: 'spec.nodeName==', want: false },
  { text: 'status.phase!=Running', want: false },
]

suite('parseFieldSelector() of', () => {
  const spec = podKind
  for (const { text, want } of fieldSelectors) {
    test(`"${text}"`, () => {
      const selector = parseFieldSelector(text, spec)
      assert.equal(selector?.matches(readSelectable(pod, spec)), want)
    })
  }
  test('an unknown field is refused', () => {
    assert.throws(() => parseFieldSelector('spec.foo=x', spec), {
      message: 'field label not supported: spec.foo',
    })
  })
  test('no operator is refused', () => {
    // fields/selector.go: invalid selector: '%s'; can't understand '%s'
    assert.throws(() => parseFieldSelector('x', spec), {
      message: "invalid selector: 'x'; can't understand 'x'",
    })
  })
})

test('formatSelector() prints what parseLabelSelector() reads', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'none', operator: 'DoesNotExist' },
    ],
  } as const
  assert.equal(formatSelector(selector), 'app=web,!none,tier in (back,front)')
  assert.equal(parseLabelSelector(formatSelector(selector))?.(labels), true)
  assert.equal(formatSelector({}), '<none>')
})
