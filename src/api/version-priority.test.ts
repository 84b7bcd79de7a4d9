import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compareVersions } from './version-priority.ts'

// Source: apimachinery pkg/version/helpers_test.go, TestCompareKubeAwareVersionStrings; the preferred one first.
const pairs = [
  ['v2', 'v1'],
  ['v10', 'v2'],
  ['v1', 'v2alpha1'],
  ['v1', 'v2beta1'],
  ['v1alpha2', 'v1alpha1'],
  ['v1beta1', 'v2alpha3'],
  ['v1alpha10', 'v1alpha2'],
  ['v1beta10', 'v1beta2'],
  ['v1beta2', 'foo'],
  ['bar', 'foo'],
  ['version1', 'version2'],
  ['version1', 'version10'],
] as const

suite('versions, by preference', () => {
  for (const [first, second] of pairs) {
    test(`${first} before ${second}`, () => {
      assert.ok(compareVersions(first, second) < 0)
      assert.ok(compareVersions(second, first) > 0)
    })
  }
})
