import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { chooseContainer } from './choose-container.ts'

const named = (...names: readonly string[]) => names.map((name) => ({ name }))
const pod = (spec: Pick<Pod['spec'], 'containers'> & Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'web' },
  spec,
})

// pkg/registry/core/pod/strategy.go v1.36, validateContainer().
suite('chooseContainer()', () => {
  const many = pod({
    containers: named('a', 'b'),
    initContainers: named('init'),
    ephemeralContainers: named('debug'),
  })
  const cases = [
    { name: 'the only one', of: pod({ containers: named('a') }), wanted: '', want: 'a' },
    {
      name: 'the only one beside init containers',
      of: pod({ containers: named('a'), initContainers: named('i') }),
      wanted: '',
      want: 'a',
    },
    { name: 'a named one', of: many, wanted: 'b', want: 'b' },
    { name: 'an init container', of: many, wanted: 'init', want: 'init' },
    { name: 'an ephemeral container', of: many, wanted: 'debug', want: 'debug' },
  ]
  for (const { name, of, wanted, want } of cases)
    test(`takes ${name}`, () => assert.equal(chooseContainer(of, wanted), want))

  test('asks which', () => {
    const message =
      'a container name must be specified for pod web, choose one of: [init a b debug]'
    assert.throws(() => chooseContainer(many, ''), { message })
  })
  test('refuses one that is not there', () => {
    const message = 'container x is not valid for pod web'
    assert.throws(() => chooseContainer(many, 'x'), { message })
  })
})
