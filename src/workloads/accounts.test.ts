import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Secret } from '#api/core.ts'
import type { ClusterRole, PolicyRule } from '#api/rbac.ts'
import { planSecret } from './account-secrets.ts'
import { planRules } from './cluster-role-aggregation.ts'

// Source: kubernetes pkg/controller/clusterroleaggregation, TestSyncClusterRole.
suite('planRules()', () => {
  const rule = (verb: string): PolicyRule => ({
    verbs: [verb],
    apiGroups: [''],
    resources: ['pods'],
  })
  const role = (name: string, labels: Record<string, string>, ...verbs: string[]): ClusterRole => ({
    metadata: { name, labels },
    rules: verbs.map(rule),
  })
  const combined = (...keys: string[]): ClusterRole => ({
    metadata: { name: 'combined' },
    aggregationRule: { clusterRoleSelectors: keys.map((key) => ({ matchLabels: { [key]: 'x' } })) },
  })
  const hammer = role('hammer', { tool: 'x' }, 'hammer')
  const chisel = role('chisel', { tool: 'x', art: 'x' }, 'chisel', 'hammer')
  const cases = [
    {
      name: 'of one label, by name, each once',
      role: combined('tool'),
      want: ['chisel', 'hammer'],
    },
    { name: 'of several selectors', role: combined('art', 'tool'), want: ['chisel', 'hammer'] },
    { name: 'of nothing', role: combined('none'), want: [] },
    { name: 'that are its own', role: hammer, want: undefined },
  ]
  for (const { name, role: one, want } of cases)
    test(name, () => assert.deepEqual(planRules(one, [hammer, chisel, one]), want?.map(rule)))
})

// Source: kubernetes pkg/controller/serviceaccount/tokens_controller.go, generateTokenIfNeeded.
suite('planSecret()', () => {
  const account = { metadata: { name: 'robot', namespace: 'shop', uid: 'u1' } }
  const secret: Secret = {
    metadata: {
      name: 's',
      namespace: 'shop',
      annotations: { 'kubernetes.io/service-account.name': 'robot' },
    },
    type: 'kubernetes.io/service-account-token',
  }
  const options = { caPEM: 'CA', sign: () => 'signed' }
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const whole = planSecret(secret, account, options)

  test('adds the uid, the token, the authority and the namespace', () => {
    assert.equal(whole?.metadata.annotations?.['kubernetes.io/service-account.uid'], 'u1')
    assert.deepEqual(whole?.data, {
      'ca.crt': base64('CA'),
      namespace: base64('shop'),
      token: base64('signed'),
    })
  })
  test('leaves a whole one alone', () =>
    assert.equal(planSecret(whole!, account, options), undefined))
  test('keeps the token when the authority changes', () => {
    const changed = planSecret(whole!, account, { caPEM: 'CB', sign: () => 'other' })
    assert.deepEqual(changed?.data, { ...whole?.data, 'ca.crt': base64('CB') })
  })
})
