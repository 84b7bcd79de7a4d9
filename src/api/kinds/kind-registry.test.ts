import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMap } from './config-map.ts'
import { createKindRegistry } from './kind-registry.ts'
import type { KindSpec } from './kind-spec.ts'

const widget: KindSpec = {
  ...configMap,
  resource: {
    group: 'example.com',
    version: 'v1',
    kind: 'Widget',
    plural: 'widgets',
    namespaced: true,
  },
} as KindSpec

test('kinds come and go beside the built-in ones', () => {
  const registry = createKindRegistry([configMap as KindSpec])
  const before = registry.all()
  registry.replaceDynamic([widget])
  assert.equal(registry.find('example.com', 'v1', 'widgets'), widget)
  assert.equal(registry.find('', 'v1', 'configmaps'), configMap)
  assert.notEqual(registry.all(), before, 'a change is seen by identity')
  registry.replaceDynamic([])
  assert.equal(registry.find('example.com', 'v1', 'widgets'), undefined)
  assert.deepEqual(registry.all(), [configMap])
})

test('no dynamic kind takes the place of a built-in one', () => {
  const registry = createKindRegistry([configMap as KindSpec])
  registry.replaceDynamic([{ ...widget, resource: configMap.resource } as KindSpec])
  assert.equal(registry.find('', 'v1', 'configmaps'), configMap)
  assert.equal(registry.all().length, 1)
})
