import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PolicyRule } from '#api/rbac.ts'
import type { Attributes } from '../authorize.ts'
import { ruleAllows } from './match-rule.ts'

// kubernetes plugin/pkg/auth/authorizer/rbac/rbac_test.go, TestRuleMatches.
suite('ruleAllows()', () => {
  const rule = (verbs: string, groups: string, resources: string, names = ''): PolicyRule => ({
    verbs: verbs.split(','),
    apiGroups: groups.split(','),
    resources: resources.split(','),
    ...(names === '' ? {} : { resourceNames: names.split(',') }),
  })
  const of = (verb: string, group: string, resource: string, name?: string): Attributes => {
    const [plural = '', subresource] = resource.split('/')
    return {
      verb,
      group,
      plural,
      ...(subresource ? { subresource } : {}),
      ...(name ? { name } : {}),
    }
  }
  const url = (...nonResourceURLs: string[]): PolicyRule => ({ verbs: ['verb1'], nonResourceURLs })
  const cases: readonly {
    name: string
    rule: PolicyRule
    allows: readonly Attributes[]
    not: readonly Attributes[]
  }[] = [
    {
      name: 'star verb, exact match other',
      rule: rule('*', 'group1', 'resource1'),
      allows: [of('verb1', 'group1', 'resource1'), of('verb2', 'group1', 'resource1')],
      not: [of('verb1', 'group2', 'resource1'), of('verb1', 'group1', 'resource2')],
    },
    {
      name: 'star group, exact match other',
      rule: rule('verb1', '*', 'resource1'),
      allows: [of('verb1', 'group1', 'resource1'), of('verb1', 'group2', 'resource1')],
      not: [of('verb2', 'group1', 'resource1'), of('verb1', 'group1', 'resource2')],
    },
    {
      name: 'star resource, exact match other',
      rule: rule('verb1', 'group1', '*'),
      allows: [of('verb1', 'group1', 'resource1'), of('verb1', 'group1', 'resource2/sub')],
      not: [of('verb2', 'group1', 'resource1'), of('verb1', 'group2', 'resource2')],
    },
    {
      name: 'a resource is not its subresource',
      rule: rule('verb1', 'group1', 'resource1'),
      allows: [of('verb1', 'group1', 'resource1')],
      not: [of('verb1', 'group1', 'resource1/sub')],
    },
    {
      name: 'a subresource is not its resource',
      rule: rule('verb1', 'group1', 'resource1/sub'),
      allows: [of('verb1', 'group1', 'resource1/sub')],
      not: [of('verb1', 'group1', 'resource1'), of('verb1', 'group1', 'resource2/sub')],
    },
    {
      name: 'a subresource of any resource',
      rule: rule('verb1', 'group1', '*/scale'),
      allows: [of('verb1', 'group1', 'resource1/scale'), of('verb1', 'group1', 'resource2/scale')],
      not: [of('verb1', 'group1', 'scale'), of('verb1', 'group1', 'resource1/status')],
    },
    {
      name: 'names: one of them, and never a request without one',
      rule: rule('verb1', 'group1', 'resource1', 'a,b'),
      allows: [of('verb1', 'group1', 'resource1', 'b')],
      not: [of('verb1', 'group1', 'resource1', 'c'), of('verb1', 'group1', 'resource1')],
    },
    {
      name: 'a path, exact',
      rule: url('/foo'),
      allows: [{ verb: 'verb1', path: '/foo' }],
      not: [
        { verb: 'verb1', path: '/foo/' },
        { verb: 'verb2', path: '/foo' },
        of('verb1', '', 'foo'),
      ],
    },
    {
      name: 'a path and what is below',
      rule: url('/foo/*'),
      allows: [
        { verb: 'verb1', path: '/foo/' },
        { verb: 'verb1', path: '/foo/bar' },
      ],
      not: [{ verb: 'verb1', path: '/foo' }],
    },
    {
      name: 'a star within a path is no pattern',
      rule: url('/foo/*/bar'),
      allows: [{ verb: 'verb1', path: '/foo/*/bar' }],
      not: [{ verb: 'verb1', path: '/foo/x/bar' }],
    },
    {
      name: 'all paths',
      rule: url('*'),
      allows: [{ verb: 'verb1', path: '/anything' }],
      not: [of('verb1', 'group1', 'resource1')],
    },
  ]
  for (const { name, rule: one, allows, not } of cases) {
    test(name, () => {
      for (const each of allows) assert.equal(ruleAllows(one, each), true, JSON.stringify(each))
      for (const each of not) assert.equal(ruleAllows(one, each), false, JSON.stringify(each))
    })
  }
})
