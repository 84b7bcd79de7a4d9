import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { deployments, pods } from './resources.ts'
import * as status from './status.ts'

// Expected: apimachinery pkg/api/errors/errors.go, and what kubectl prints for a real server.
const cases = [
  {
    name: 'not found',
    error: status.notFound(pods, 'web'),
    code: 404,
    reason: 'NotFound',
    message: 'pods "web" not found',
  },
  {
    name: 'not found, in a group',
    error: status.notFound(deployments, 'web'),
    code: 404,
    reason: 'NotFound',
    message: 'deployments.apps "web" not found',
  },
  {
    name: 'unknown path',
    error: status.unknownPath(),
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  {
    name: 'already exists',
    error: status.alreadyExists(pods, 'web'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'pods "web" already exists',
  },
  {
    name: 'conflict',
    error: status.conflict(deployments, 'web'),
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; please apply your changes to the latest version and try again',
  },
  {
    name: 'forbidden',
    error: status.forbidden(pods, 'web', 'no'),
    code: 403,
    reason: 'Forbidden',
    message: 'pods "web" is forbidden: no',
  },
  {
    name: 'forbidden, no name',
    error: status.forbidden(pods, '', 'no'),
    code: 403,
    reason: 'Forbidden',
    message: 'pods is forbidden: no',
  },
  {
    name: 'method not allowed',
    error: status.methodNotAllowed(pods, 'patch'),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'patch is not supported on resources of kind "pods"',
  },
  {
    name: 'too large',
    error: status.limitExceeded(3145728),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: 'Request entity too large: limit is 3145728',
  },
  {
    name: 'internal',
    error: status.internal('boom'),
    code: 500,
    reason: 'InternalError',
    message: 'Internal error occurred: boom',
  },
]

suite('Status of', () => {
  for (const { name, error, code, reason, message } of cases) {
    test(name, () =>
      assert.deepEqual(
        [error.status.code, error.status.reason, error.status.message, error.message],
        [code, reason, message, message],
      ),
    )
  }
})
