import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { podBandwidth } from './pod-bandwidth.ts'

const annotated = (annotations: Record<string, string>) => ({
  metadata: { name: 'p', annotations },
})

// kubernetes/pkg/util/bandwidth/utils_test.go
const cases = [
  { name: 'nothing', annotations: {}, want: undefined },
  {
    name: 'ingress alone',
    annotations: { 'kubernetes.io/ingress-bandwidth': '10M' },
    want: { ingress: 10_000_000 },
  },
  {
    name: 'both',
    annotations: {
      'kubernetes.io/ingress-bandwidth': '4M',
      'kubernetes.io/egress-bandwidth': '20Mi',
    },
    want: { ingress: 4_000_000, egress: 20_971_520 },
  },
]
const refusals = [
  { text: 'foo', message: /quantities must match the regular expression/ },
  { text: '1', message: /resource is unreasonably small \(< 1kbit\)$/ },
  { text: '1001T', message: /resource is unreasonably large \(> 1Pbit\)$/ },
]

suite('podBandwidth()', () => {
  for (const { name, annotations, want } of cases) {
    test(`reads ${name}`, () => assert.deepEqual(podBandwidth(annotated(annotations)), want))
  }
  for (const { text, message } of refusals) {
    test(`refuses ${text}`, () => {
      const pod = annotated({ 'kubernetes.io/egress-bandwidth': text })
      assert.throws(() => podBandwidth(pod), message)
    })
  }
})
