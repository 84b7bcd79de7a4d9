import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PolicyRule } from '#api/rbac.ts'
import { compactRules, formatRule, uncovered } from './cover-rules.ts'

const rule = (verbs: string, groups: string, resources: string, names = ''): PolicyRule => ({
  verbs: verbs.split(','),
  apiGroups: groups.split(','),
  resources: resources.split(','),
  ...(names === '' ? {} : { resourceNames: names.split(',') }),
})
const urls = (verbs: string, paths: string): PolicyRule => ({
  verbs: verbs.split(','),
  nonResourceURLs: paths.split(','),
})

// component-helpers auth/rbac/validation/policy_comparator_test.go
suite('uncovered()', () => {
  const cases = [
    { name: 'the same', held: [rule('get', 'v1', 'pods')], wanted: [rule('get', 'v1', 'pods')] },
    {
      name: 'spread over several rules',
      held: [rule('get', 'v1', 'pods'), rule('list', 'v1', 'pods')],
      wanted: [rule('get,list', 'v1', 'pods')],
    },
    {
      name: 'a verb that is missing',
      held: [rule('get', 'v1', 'pods')],
      wanted: [rule('get,delete', 'v1', 'pods')],
      want: [rule('delete', 'v1', 'pods')],
    },
    { name: 'all by a star', held: [rule('*', '*', '*')], wanted: [rule('get', 'v1', 'pods/log')] },
    {
      name: 'a star by names of it',
      held: [rule('get,list', 'v1', 'pods')],
      wanted: [rule('*', 'v1', 'pods')],
      want: [rule('*', 'v1', 'pods')],
    },
    {
      name: 'a subresource of any',
      held: [rule('get', 'v1', '*/scale')],
      wanted: [rule('get', 'v1', 'foo/scale')],
    },
    {
      name: 'any subresource by one',
      held: [rule('get', 'v1', 'foo/scale')],
      wanted: [rule('get', 'v1', '*/scale')],
      want: [rule('get', 'v1', '*/scale')],
    },
    {
      name: 'a name by all names',
      held: [rule('get', 'v1', 'pods')],
      wanted: [rule('get', 'v1', 'pods', 'a')],
    },
    {
      name: 'all names by some',
      held: [rule('get', 'v1', 'pods', 'a,b')],
      wanted: [rule('get', 'v1', 'pods')],
      want: [rule('get', 'v1', 'pods')],
    },
    {
      name: 'one name too many',
      held: [rule('get', 'v1', 'pods', 'a')],
      wanted: [rule('get', 'v1', 'pods', 'a,b')],
      want: [rule('get', 'v1', 'pods', 'b')],
    },
    { name: 'paths below', held: [urls('get', '/api/*')], wanted: [urls('get', '/api/v1')] },
    {
      name: 'all paths by some',
      held: [urls('get', '/api/*')],
      wanted: [urls('get', '*')],
      want: [urls('get', '*')],
    },
  ]
  for (const { name, held, wanted, want = [] } of cases)
    test(name, () => assert.deepEqual(uncovered(held, wanted), want))
})

// registry/rbac/validation/policy_compact_test.go
test('compactRules() joins the verbs of one resource and leaves others alone', () => {
  const many = rule('get', 'a,b', 'x')
  assert.deepEqual(compactRules([rule('get', '', 'pods'), many, rule('list', '', 'pods')]), [
    many,
    rule('get,list', '', 'pods'),
  ])
})

// rbac/v1/evaluation_helpers.go CompactString
test('formatRule() prints as Go', () => {
  assert.equal(
    formatRule(rule('get,list', '', 'pods', 'a')),
    '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}',
  )
  assert.equal(formatRule(urls('get', '/x')), '{NonResourceURLs:["/x"], Verbs:["get"]}')
})
