import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { planPrivileges } from './capabilities.ts'
import { argvOf, findImage, repositoryOf } from './images.ts'

// Reference grammar: github.com/distribution/reference.
suite('repositoryOf() takes away', () => {
  const cases = [
    { name: 'nothing', reference: 'fairlead.dev/echo', want: 'fairlead.dev/echo' },
    { name: 'a tag', reference: 'fairlead.dev/echo:latest', want: 'fairlead.dev/echo' },
    { name: 'a digest', reference: 'fairlead.dev/echo@sha256:abc', want: 'fairlead.dev/echo' },
    { name: 'both', reference: 'fairlead.dev/echo:1@sha256:abc', want: 'fairlead.dev/echo' },
    { name: "no registry's port", reference: 'localhost:5000/echo', want: 'localhost:5000/echo' },
  ]
  for (const { name, reference, want } of cases)
    test(name, () => assert.equal(repositoryOf(reference), want))
})

test('findImage() knows what is built in, and nothing that an object inherits', () => {
  assert.ok(findImage('fairlead.dev/echo:1.0'))
  assert.equal(findImage('nginx'), undefined)
  assert.equal(findImage('constructor'), undefined)
})

// https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/, the table of the four cases.
suite('argvOf() runs', () => {
  const image = { entrypoint: ['/ep-1'], command: ['foo', 'bar'], env: [] }
  const cases = [
    { name: 'what the image says', command: [], args: [], want: ['/ep-1', 'foo', 'bar'] },
    { name: 'command alone', command: ['/ep-2'], args: [], want: ['/ep-2'] },
    {
      name: 'the entrypoint with args',
      command: [],
      args: ['zoo', 'boo'],
      want: ['/ep-1', 'zoo', 'boo'],
    },
    {
      name: 'command with args',
      command: ['/ep-2'],
      args: ['zoo', 'boo'],
      want: ['/ep-2', 'zoo', 'boo'],
    },
  ]
  for (const { name, command, args, want } of cases)
    test(name, () => assert.deepEqual(argvOf(image, command, args), want))
})

// Flags: setpriv(1). The set is Docker's default (moby oci/caps/defaults.go) without MKNOD.
suite('planPrivileges()', () => {
  const plain = {
    privileged: false,
    addCapabilities: [],
    dropCapabilities: [],
    allowPrivilegeEscalation: true,
    uid: undefined,
    gid: undefined,
    groups: [],
  }
  const DEFAULT =
    '--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+audit_write,+setfcap'
  const cases = [
    {
      name: 'leaves the default set',
      security: plain,
      want: ['setpriv', DEFAULT, '--inh-caps=-all', '--'],
    },
    {
      name: 'drops all, adds one',
      security: { ...plain, dropCapabilities: ['ALL'], addCapabilities: ['NET_BIND_SERVICE'] },
      want: ['setpriv', '--bounding-set=-all,+net_bind_service', '--inh-caps=-all', '--'],
    },
    {
      name: 'leaves everything to the privileged',
      security: { ...plain, privileged: true },
      want: [],
    },
    {
      name: 'becomes another user',
      security: {
        ...plain,
        privileged: true,
        uid: 1000,
        gid: 1001,
        allowPrivilegeEscalation: false,
      },
      want: ['setpriv', '--no-new-privs', '--reuid=1000', '--regid=1001', '--clear-groups', '--'],
    },
  ]
  for (const { name, security, want } of cases)
    test(name, () => assert.deepEqual(planPrivileges(security), want))
  test('lets no text of a pod into the flags', () => {
    const words = planPrivileges({ ...plain, addCapabilities: ['x,+sys_admin --', 'SYS ADMIN'] })
    assert.deepEqual(words, ['setpriv', DEFAULT, '--inh-caps=-all', '--'])
  })
})
