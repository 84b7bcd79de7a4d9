import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { suite, test } from 'node:test'
import { fairleadHome, isClusterName, layoutOf } from './layout.ts'

// The rule: design.md D4, `[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?`.
suite('isClusterName()', () => {
  const cases = [
    ...['a', '0', 'c1', 'a-b', 'a--b', 'a'.repeat(32)].map((name) => ({ name, want: true })),
    ...['', '-a', 'a-', 'A', 'a_b', 'a.b', '..', 'a/b', 'a\n', 'a\0', 'é', 'a'.repeat(33)].map(
      (name) => ({ name, want: false }),
    ),
  ]
  for (const { name, want } of cases) {
    test(`${JSON.stringify(name)}: ${want}`, () => assert.equal(isClusterName(name), want))
  }
})

suite('layoutOf()', () => {
  test('keeps a cluster in two folders', () => {
    const layout = layoutOf('c1', '/home/me/.fairlead')
    assert.equal(layout.home, '/home/me/.fairlead/c1')
    assert.equal(layout.run, '/run/fairlead/c1')
    const { name: _, ...paths } = layout
    for (const path of Object.values(paths))
      assert.match(path, /^(\/home\/me\/\.fairlead|\/run\/fairlead)\/c1(\/|$)/)
  })
  for (const name of ['', '.', '..', '../x', 'a/b'])
    test(`refuses ${JSON.stringify(name)}`, () => assert.throws(() => layoutOf(name, '/x')))
})

suite('fairleadHome()', () => {
  const cases = [
    { name: 'as told', env: { FAIRLEAD_HOME: '/srv/f', HOME: '/home/me' }, want: '/srv/f' },
    { name: 'relative', env: { FAIRLEAD_HOME: 'f' }, want: `${process.cwd()}/f` },
    { name: 'in $HOME', env: { HOME: '/home/me' }, want: '/home/me/.fairlead' },
    {
      name: 'told nothing',
      env: { FAIRLEAD_HOME: '', HOME: '/home/me' },
      want: '/home/me/.fairlead',
    },
    { name: 'without $HOME', env: {}, want: `${userInfo().homedir}/.fairlead` },
    { name: 'with an empty $HOME', env: { HOME: '' }, want: `${userInfo().homedir}/.fairlead` },
  ]
  for (const { name, env, want } of cases) test(name, () => assert.equal(fairleadHome(env), want))
})
