import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PodSpec } from '../core.ts'
import { formatFieldError } from '../field-error.ts'
import { baseline } from './baseline.ts'
import { evaluatePod, formatDetails } from './evaluate-pod.ts'
import { formatLevel, readPolicy } from './policy.ts'
import { restricted } from './restricted.ts'

const LATEST = Infinity
/** A container, by the security context that it has. */
const container = (name: string, securityContext?: object, more: object = {}) => ({
  name,
  ...(securityContext ? { securityContext } : {}),
  ...more,
})

interface Row {
  readonly name: string
  readonly rule: string
  readonly minor?: number
  readonly spec?: object
  readonly annotations?: Readonly<Record<string, string>>
  /** Undefined: allowed. */
  readonly want?: string
}

const BETA = 'container.apparmor.security.beta.kubernetes.io/'
const ALPHA = 'seccomp.security.alpha.kubernetes.io/pod'
const FORBIDDEN_SELINUX = 'set forbidden securityContext.seLinuxOptions:'
const selinux = (type: string) => ({ seLinuxOptions: { type } })
const seccomp = (type: string) => ({ seccompProfile: { type } })

// Each of k8s.io/pod-security-admission v0.36 policy/check_<rule>_test.go.
const rows: readonly Row[] = [
  {
    name: 'privilege escalation that nobody forbids',
    rule: 'allowPrivilegeEscalation',
    spec: {
      containers: [
        container('a'),
        container('b', {}),
        container('c', { allowPrivilegeEscalation: true }),
        container('d', { allowPrivilegeEscalation: false }),
      ],
    },
    want: 'allowPrivilegeEscalation != false (containers "a", "b", "c" must set securityContext.allowPrivilegeEscalation=false)',
  },
  {
    name: 'privilege escalation on Windows',
    rule: 'allowPrivilegeEscalation',
    spec: { os: { name: 'windows' }, containers: [container('a')] },
  },
  {
    name: 'AppArmor off',
    rule: 'appArmorProfile',
    spec: { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
    want: 'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
  },
  {
    name: 'AppArmor by annotations',
    rule: 'appArmorProfile',
    annotations: {
      [`${BETA}`]: 'bogus',
      [`${BETA}a`]: '',
      [`${BETA}b`]: 'runtime/default',
      [`${BETA}d`]: 'localhost/foo',
      [`${BETA}e`]: 'unconfined',
    },
    want: `forbidden AppArmor profiles (annotations must not set AppArmor profile type to "${BETA}="bogus"", "${BETA}e="unconfined"")`,
  },
  {
    name: 'capabilities beyond the default ones',
    rule: 'capabilities_baseline',
    spec: {
      containers: [
        container('a', { capabilities: { add: ['FOO', 'BAR'] } }),
        container('b', { capabilities: { add: ['BAR', 'BAZ'] } }),
        container('c', { capabilities: { add: ['NET_BIND_SERVICE', 'CHOWN'] } }),
      ],
    },
    want: 'non-default capabilities (containers "a", "b" must not include "BAR", "BAZ", "FOO" in securityContext.capabilities.add)',
  },
  {
    name: 'capabilities that are kept, and more',
    rule: 'capabilities_restricted',
    spec: {
      containers: [
        container('a', { capabilities: { add: ['FOO', 'BAR'] } }),
        container('b', { capabilities: { add: ['BAR', 'BAZ'] } }),
        container('c', {
          capabilities: { add: ['NET_BIND_SERVICE', 'CHOWN'], drop: ['ALL', 'FOO'] },
        }),
      ],
    },
    want: 'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"]; containers "a", "b", "c" must not include "BAR", "BAZ", "CHOWN", "FOO" in securityContext.capabilities.add)',
  },
  {
    name: 'the namespaces of the node',
    rule: 'hostNamespaces',
    spec: { hostNetwork: true, hostPID: true, hostIPC: true },
    want: 'host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)',
  },
  {
    name: 'paths of the node',
    rule: 'hostPathVolumes',
    spec: {
      volumes: [
        { name: 'a', hostPath: {} },
        { name: 'b', hostPath: {} },
        { name: 'c', emptyDir: {} },
      ],
    },
    want: 'hostPath volumes (volumes "a", "b")',
  },
  {
    name: 'one port of the node',
    rule: 'hostPorts',
    spec: {
      containers: [
        container('a', {}, { ports: [{ hostPort: 0 }] }),
        container('b', {}, { ports: [{ hostPort: 0 }, { hostPort: 20 }] }),
      ],
    },
    want: 'hostPort (container "b" uses hostPort 20)',
  },
  {
    name: 'ports of the node',
    rule: 'hostPorts',
    spec: {
      containers: [
        container('b', {}, { ports: [{ hostPort: 10 }, { hostPort: 20 }] }),
        container('c', {}, { ports: [{ hostPort: 10 }, { hostPort: 30 }] }),
      ],
    },
    want: 'hostPort (containers "b", "c" use hostPorts 10, 20, 30)',
  },
  {
    name: 'probes of other hosts',
    rule: 'hostProbesAndHostLifecycle',
    spec: {
      containers: [
        container(
          'a',
          {},
          {
            livenessProbe: { httpGet: { host: 'localhost' } },
            readinessProbe: { tcpSocket: { host: '127.0.0.1' } },
            startupProbe: { httpGet: { host: '::1' } },
          },
        ),
      ],
    },
    want: 'probe or lifecycle host (container "a" uses probe or lifecycle hosts "127.0.0.1", "::1", "localhost")',
  },
  {
    name: 'a probe of another host before the rule came',
    rule: 'hostProbesAndHostLifecycle',
    minor: 33,
    spec: { containers: [container('a', {}, { livenessProbe: { httpGet: { host: 'x' } } })] },
  },
  {
    name: 'privileged containers',
    rule: 'privileged',
    spec: {
      containers: [
        container('c', { privileged: false }),
        container('d', { privileged: true }),
        container('e', { privileged: true }),
      ],
    },
    want: 'privileged (containers "d", "e" must not set securityContext.privileged=true)',
  },
  {
    name: 'another /proc',
    rule: 'procMount',
    spec: {
      containers: [
        container('c', { procMount: 'Default' }),
        container('d', { procMount: 'Unmasked' }),
        container('e', { procMount: 'other' }),
      ],
    },
    want: 'procMount (containers "d", "e" must not set securityContext.procMount to "Unmasked", "other")',
  },
  {
    name: 'another /proc in a user namespace',
    rule: 'procMount',
    spec: { hostUsers: false, containers: [container('d', { procMount: 'Unmasked' })] },
  },
  {
    name: 'another /proc in a user namespace, restricted',
    rule: 'procMount_restricted',
    spec: { hostUsers: false, containers: [container('d', { procMount: 'Unmasked' })] },
    want: 'procMount (container "d" must not set securityContext.procMount to "Unmasked")',
  },
  {
    name: 'volumes that are not of the cluster',
    rule: 'restrictedVolumes',
    spec: {
      volumes: [
        { name: 'a1', emptyDir: {} },
        { name: 'a9', image: {} },
        { name: 'b1', hostPath: {} },
        { name: 'b5', nfs: {} },
        { name: 'c1' },
      ],
    },
    want: 'restricted volume types (volumes "b1", "b5", "c1" use restricted volume types "hostPath", "nfs", "unknown")',
  },
  {
    name: 'nobody says that it is not root',
    rule: 'runAsNonRoot',
    spec: { containers: [container('a')] },
    want: 'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
  },
  {
    name: 'containers that may be root',
    rule: 'runAsNonRoot',
    spec: {
      securityContext: { runAsNonRoot: true },
      containers: [
        container('a'),
        container('c', { runAsNonRoot: false }),
        container('d', { runAsNonRoot: false }),
      ],
    },
    want: 'runAsNonRoot != true (containers "c", "d" must not set securityContext.runAsNonRoot=false)',
  },
  {
    name: 'root in a user namespace',
    rule: 'runAsNonRoot',
    spec: { hostUsers: false, containers: [container('a')] },
  },
  {
    name: 'root by its number',
    rule: 'runAsUser',
    spec: { securityContext: { runAsUser: 0 } },
    want: 'runAsUser=0 (pod must not set runAsUser=0)',
  },
  {
    name: 'SELinux types, users and roles',
    rule: 'seLinuxOptions',
    minor: 31,
    spec: {
      securityContext: { seLinuxOptions: { type: 'foo', user: 'bar', role: 'baz' } },
      containers: [
        container('a', selinux('container_t')),
        container('d', selinux('container_engine_t')),
        container('e', selinux('bar')),
        container('f', { seLinuxOptions: { user: 'bar' } }),
        container('g', { seLinuxOptions: { role: 'baz' } }),
      ],
    },
    want: `seLinuxOptions (pod and containers "e", "f", "g" ${FORBIDDEN_SELINUX} types "bar", "foo"; user may not be set; role may not be set)`,
  },
  {
    name: 'an SELinux type that came later',
    rule: 'seLinuxOptions',
    minor: 30,
    spec: { containers: [container('d', selinux('container_engine_t'))] },
    want: `seLinuxOptions (container "d" ${FORBIDDEN_SELINUX} type "container_engine_t")`,
  },
  {
    name: 'seccomp off',
    rule: 'seccompProfile_baseline',
    spec: {
      securityContext: seccomp('Unconfined'),
      containers: [
        container('a'),
        container('c', seccomp('Unconfined')),
        container('d', seccomp('Unconfined')),
        container('e', seccomp('RuntimeDefault')),
      ],
    },
    want: 'seccompProfile (pod and containers "c", "d" must not set securityContext.seccompProfile.type to "Unconfined")',
  },
  {
    name: 'seccomp by annotations, as before 1.19',
    rule: 'seccompProfile_baseline',
    minor: 18,
    annotations: { [ALPHA]: 'unconfined' },
    want: `seccompProfile (forbidden annotation ${ALPHA}="unconfined")`,
  },
  {
    name: 'no word of seccomp',
    rule: 'seccompProfile_restricted',
    spec: { containers: [container('a')] },
    want: 'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  },
  {
    name: 'sysctls',
    rule: 'sysctls',
    spec: { securityContext: { sysctls: [{ name: 'a' }, { name: 'b' }] } },
    want: 'forbidden sysctls (a, b)',
  },
  {
    name: 'a sysctl that was allowed later',
    rule: 'sysctls',
    minor: 28,
    spec: { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_keepalive_time' }] } },
    want: 'forbidden sysctls (net.ipv4.tcp_keepalive_time)',
  },
  {
    name: 'a Windows process of the node',
    rule: 'windowsHostProcess',
    spec: {
      securityContext: { windowsOptions: { hostProcess: true } },
      containers: [container('e', { windowsOptions: { hostProcess: true } })],
    },
    want: 'hostProcess (pod and container "e" must not set securityContext.windowsOptions.hostProcess=true)',
  },
]

suite('a rule of the Pod Security Standards judges', () => {
  for (const { name, rule, minor = LATEST, spec = {}, annotations, want } of rows) {
    test(name, () => {
      const check = [...baseline, ...restricted].find(({ id }) => id === rule)!
      const pod = {
        spec: { containers: [], ...spec } as PodSpec,
        ...(annotations ? { metadata: { annotations } } : {}),
      }
      const found = minor >= check.since ? check.judge(pod, minor) : undefined
      assert.equal(found && formatDetails([found]), want)
    })
  }
})

// policy/registry_test.go: rules by id, those of baseline first, and what is overridden left out.
test('evaluatePod() names the rules in order, an overridden one not', () => {
  const volumes = [{ name: 'v', hostPath: { path: '/' } }]
  const context = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' as const } }
  const own = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, privileged: true }
  const spec: PodSpec = {
    volumes,
    hostNetwork: true,
    securityContext: context,
    containers: [{ name: 'a', securityContext: own }],
  }
  const reasons = (level: 'baseline' | 'restricted' | 'privileged') =>
    evaluatePod({ level, minor: LATEST }, { spec }).map(({ reason }) => reason)
  assert.deepEqual(reasons('privileged'), [])
  assert.deepEqual(reasons('baseline'), ['host namespaces', 'hostPath volumes', 'privileged'])
  assert.deepEqual(reasons('restricted'), [
    'host namespaces',
    'privileged',
    'restricted volume types',
  ])
})

// api/helpers_test.go, TestPolicyToEvaluate
const LABEL = 'pod-security.kubernetes.io/'
const policies = [
  { name: 'no labels', labels: {}, want: ['privileged:latest', 'privileged:latest'] },
  {
    name: 'warns of what it enforces',
    labels: { [`${LABEL}enforce`]: 'baseline', [`${LABEL}enforce-version`]: 'v1.22' },
    want: ['baseline:v1.22', 'baseline:v1.22'],
  },
  {
    name: 'warns of something else',
    labels: { [`${LABEL}enforce`]: 'baseline', [`${LABEL}warn`]: 'restricted' },
    want: ['baseline:latest', 'restricted:latest'],
  },
  {
    name: 'no level that there is',
    labels: {
      [`${LABEL}enforce`]: 'foo',
      [`${LABEL}audit`]: 'foo',
      [`${LABEL}warn-version`]: '1.2',
    },
    want: [
      'restricted:latest',
      'privileged:latest',
      `metadata.labels[${LABEL}enforce]: Invalid value: "foo": must be one of privileged, baseline, restricted`,
      `metadata.labels[${LABEL}audit]: Invalid value: "foo": must be one of privileged, baseline, restricted`,
      `metadata.labels[${LABEL}warn-version]: Invalid value: "1.2": must be "latest" or "v1.x"`,
    ],
  },
]
suite('readPolicy()', () => {
  for (const { name, labels, want } of policies) {
    test(name, () => {
      const { policy, errors } = readPolicy(labels)
      const levels = [policy.enforce, policy.warn].map(formatLevel)
      assert.deepEqual([...levels, ...errors.map(formatFieldError)], want)
    })
  }
})
