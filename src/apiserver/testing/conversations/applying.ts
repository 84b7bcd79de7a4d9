import {
  applyPatch,
  type Conversation,
  createMap,
  deployments,
  map,
  maps,
  merge,
  pods,
  type Step,
  services,
} from './conversation.ts'

const apply = (path: string, manager: string, body: unknown, query = ''): Step => [
  `PATCH ${path}?fieldManager=${manager}${query}`,
  body,
  applyPatch,
]
const applyMap = (
  name: string,
  manager: string,
  data?: object,
  query = '',
  metadata: object = {},
) => apply(`${maps}/${name}`, manager, map(name, data, metadata), query)
const update = (path: string, manager: string, body: unknown): Step => [
  `PATCH ${path}?fieldManager=${manager}`,
  body,
  merge,
]
const deployment = (spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec,
})
const template = (containers: readonly object[], more: object = {}) => ({
  selector: { matchLabels: { a: 'b' } },
  template: { metadata: { labels: { a: 'b' } }, spec: { containers, ...more } },
})
const service = (spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { clusterIP: 'None', ...spec },
})
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

export const applying: Readonly<Record<string, Conversation>> = {
  'managed-fields': [
    createMap(
      'a',
      { k: '1' },
      {
        labels: { l: '1' },
        annotations: { n: '1' },
        finalizers: ['x/y'],
        ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'u' }],
      },
    ),
    update(`${maps}/a`, 'm1', { data: { k: '2' } }),
    update(`${maps}/a`, 'm2', { data: { l: '1' }, metadata: { labels: { l: null } } }),
    update(`${maps}/a`, 'm2', { data: { l: null } }),
    update(`${maps}/a`, 'm3', { data: { k: '2' } }),
    update(`${maps}/a`, 'm3', { metadata: { finalizers: ['x/y', 'z/z'] } }),
    [`PUT ${maps}/a`, map('a', { n: '1' })],
    [`PUT ${maps}/a`, map('a', { n: '1' }, { managedFields: [{}] })],
    update(`${maps}/a`, 'm4', { data: { k: '3' } }),
    [`PUT ${maps}/a`, map('a', { n: '1' }, { managedFields: [] })],
    [`PUT ${maps}/a`, map('a', { n: '1' }, { managedFields: [{ manager: 'x' }] })],
    [
      `PUT ${maps}/a`,
      map(
        'a',
        { n: '1' },
        {
          managedFields: [
            {
              manager: 'x',
              operation: 'Update',
              apiVersion: 'v1',
              time: '2020-01-01T00:00:00Z',
              fieldsType: 'FieldsV1',
              fieldsV1: { 'f:data': { 'f:n': {} } },
            },
          ],
        },
      ),
    ],
    [
      `PUT ${maps}/a`,
      map(
        'a',
        { n: '1' },
        {
          managedFields: [
            {
              manager: 'x',
              operation: 'Nothing',
              apiVersion: 'v1',
              time: '2020-01-01T00:00:00Z',
              fieldsType: 'FieldsV1',
              fieldsV1: {},
            },
          ],
        },
      ),
    ],
    [
      `PUT ${maps}/a`,
      map(
        'a',
        { n: '1' },
        {
          managedFields: [
            {
              manager: 'x',
              operation: 'Update',
              apiVersion: 'v1',
              time: '2020-01-01T00:00:00Z',
              fieldsType: 'FieldsV2',
              fieldsV1: {},
            },
          ],
        },
      ),
    ],
    [
      `PUT ${maps}/a`,
      map(
        'a',
        { n: '1' },
        {
          managedFields: [
            {
              manager: 'x',
              operation: 'Update',
              apiVersion: 'v1',
              time: '2020-01-01T00:00:00Z',
              fieldsType: 'FieldsV1',
              fieldsV1: { 'x:data': {} },
            },
          ],
        },
      ),
    ],
    [
      `PATCH ${maps}/a?fieldManager=m5`,
      [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }],
      { 'content-type': 'application/json-patch+json' },
    ],
    [
      `POST ${maps}?fieldManager=maker`,
      map(
        'given',
        { a: '1' },
        {
          managedFields: [
            {
              manager: 'x',
              operation: 'Update',
              apiVersion: 'v1',
              fieldsType: 'FieldsV1',
              fieldsV1: { 'f:data': {} },
            },
          ],
        },
      ),
    ],
    [`POST ${maps}`, map('empty')],
    [
      `POST ${maps}`,
      map('user-agent'),
      { 'user-agent': 'kubectl/v1.36.0 (linux/amd64) kubernetes/0000000' },
    ],
    [`POST ${maps}`, map('no-agent'), { 'user-agent': '' }],
    [`POST ${maps}`, map('strange-agent'), { 'user-agent': 'x y/z' }],
    `DELETE ${maps}/a`,
  ],
  'managed-fields-of-kinds': [
    [
      `POST ${deployments}`,
      deployment(
        template(
          [
            {
              name: 'c',
              image: 'x',
              ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }],
              env: [
                { name: 'A', value: '1' },
                { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              ],
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
              resources: { requests: { cpu: '1' } },
              command: ['a', 'b'],
              securityContext: { capabilities: { add: ['X'] } },
            },
          ],
          {
            volumes: [
              { name: 'v', configMap: { name: 'm' } },
              { name: 'e', emptyDir: {} },
            ],
            tolerations: [{ key: 'a', operator: 'Exists' }],
            imagePullSecrets: [{ name: 'x' }],
            hostAliases: [{ ip: '1.2.3.4', hostnames: ['a'] }],
            nodeSelector: { a: 'b' },
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: {
                  nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
                },
              },
            },
            topologySpreadConstraints: [
              { maxSkew: 1, topologyKey: 'x', whenUnsatisfiable: 'DoNotSchedule' },
            ],
            securityContext: { sysctls: [{ name: 'a', value: 'b' }], supplementalGroups: [1] },
          },
        ),
      ),
    ],
    [
      `POST ${services}`,
      service({
        selector: { a: 'b' },
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81, protocol: 'UDP' },
        ],
        externalIPs: ['1.2.3.4'],
        sessionAffinity: 'ClientIP',
      }),
    ],
    [
      `POST ${pods}`,
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: {
          containers: [
            {
              name: 'c',
              image: 'x',
              readinessProbe: { httpGet: { port: 80 } },
              lifecycle: { preStop: { sleep: { seconds: 1 } } },
            },
          ],
          initContainers: [{ name: 'i', image: 'x' }],
          enableServiceLinks: false,
        },
      },
    ],
    [
      'POST /api/v1/namespaces/{ns}/secrets',
      { metadata: { name: 's' }, stringData: { a: 'b' }, type: 'Opaque' },
    ],
    [
      'POST /apis/networking.k8s.io/v1/namespaces/{ns}/ingresses',
      {
        metadata: { name: 'i' },
        spec: {
          rules: [
            {
              host: 'a.b',
              http: {
                paths: [
                  {
                    path: '/',
                    pathType: 'Prefix',
                    backend: { service: { name: 'x', port: { number: 1 } } },
                  },
                ],
              },
            },
          ],
          tls: [{ hosts: ['a'] }],
        },
      },
    ],
    [
      'POST /apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices',
      {
        metadata: { name: 's' },
        addressType: 'IPv4',
        endpoints: [
          {
            addresses: ['10.0.0.1'],
            conditions: { ready: true },
            targetRef: { kind: 'Pod', name: 'x' },
          },
        ],
        ports: [{ port: 80 }],
      },
    ],
    [
      'POST /api/v1/namespaces/{ns}/endpoints',
      {
        metadata: { name: 'e' },
        subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }],
      },
    ],
    [
      'POST /apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
      { metadata: { name: 'l' }, spec: { holderIdentity: 'x', leaseDurationSeconds: 1 } },
    ],
    [
      'POST /api/v1/namespaces/{ns}/serviceaccounts',
      { metadata: { name: 'sa' }, secrets: [{ name: 'x' }] },
    ],
  ],
  applies: [
    applyMap('a', 'x', { k: '1', l: '1' }),
    applyMap('a', 'x', { k: '1', l: '1' }),
    applyMap('a', 'y', { k: '2' }),
    applyMap('a', 'y', { k: '2', l: '2' }),
    applyMap('a', 'y', { k: '1' }),
    applyMap('a', 'x', { l: '1' }),
    applyMap('a', 'x', { l: '2' }),
    applyMap('a', 'y', {}),
    applyMap('a', 'y', { l: '3' }, '&force=true'),
    applyMap('a', 'z', { l: '4' }),
    update(`${maps}/a`, 'u', { data: { l: '5', m: '1' } }),
    applyMap('a', 'y', { l: '3', m: '2' }),
    applyMap('a', 'y', { l: '3', m: '2' }, '&force=true'),
    applyMap('a', 'y', undefined),
    applyMap('a', 'y', { dry: '1' }, '&dryRun=All'),
    applyMap('new', 'y', { dry: '1' }, '&dryRun=All'),
    `GET ${maps}/new`,
    applyMap('a', 'y', { k: '9' }, '&force=x'),
    apply(`${maps}/a`, 'x', { ...map('a'), unknown: 1 }),
    apply(`${maps}/a`, 'x', { ...map('a'), unknown: 1 }, '&fieldValidation=Strict'),
    apply(`${maps}/a`, 'x', { ...map('a'), unknown: 1 }, '&fieldValidation=Ignore'),
    apply(
      `${maps}/a`,
      'x',
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"1","a":"2"}}',
      '&fieldValidation=Strict',
    ),
    apply(
      `${maps}/a`,
      'x',
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  q: "1"\n',
    ),
    apply(`${maps}/a`, 'x', { metadata: { name: 'a' } }),
    apply(`${maps}/a`, 'x', { kind: 'ConfigMap', metadata: { name: 'a' } }),
    apply(`${maps}/a`, 'x', { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a' } }),
    apply(`${maps}/a`, 'x', { kind: 'ConfigMap', apiVersion: 'v2', metadata: { name: 'a' } }),
    apply(`${maps}/a`, 'x', { kind: 'ConfigMap', apiVersion: 'v1' }),
    apply(`${maps}/a`, 'x', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'b' } }),
    apply(`${maps}/none`, 'x', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'b' } }),
    apply(`${maps}/none`, 'x', { kind: 'ConfigMap', apiVersion: 'v1', metadata: {} }),
    apply(`${maps}/a`, 'x', map('a', {}, { managedFields: [{ manager: 'x' }] })),
    apply(`${maps}/a`, 'x', map('a', {}, { managedFields: [] })),
    apply(`${maps}/a`, 'x', map('a', {}, { resourceVersion: '1' })),
    apply(`${maps}/a`, 'x', map('a', {}, { uid: 'x' })),
    apply(`${maps}/none`, 'x', map('none', {}, { resourceVersion: '1' })),
    apply(`${maps}/none`, 'x', map('none', {}, { uid: 'x' })),
    apply(`${maps}/a`, '', map('a')),
    apply(`${maps}/a`, 'x', ''),
    apply(`${maps}/a`, 'x', '[]'),
    apply(`${maps}/a`, 'x', map('a', { n: 1 } as object)),
    apply(`${maps}/a`, 'x', { ...map('a'), data: null }),
    apply(`${maps}/a`, 'x', { ...map('a'), data: { a: null } }),
    apply(`${maps}/a`, 'x', map('a', {}, { labels: { 'a b': 'c' } })),
    apply(`${maps}/a`, 'x', map('a', {}, { namespace: 'x' })),
    ['PATCH /api/v1/namespaces/nowhere/configmaps/a?fieldManager=x', map('a'), applyPatch],
    `GET ${maps}/a`,
  ],
  'apply-lists': [
    apply(
      `${services}/s`,
      'x',
      service({
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80, protocol: 'UDP' },
        ],
      }),
    ),
    apply(`${services}/s`, 'y', service({ ports: [{ name: 'c', port: 81 }] })),
    apply(`${services}/s`, 'y', service({ ports: [{ name: 'changed', port: 80 }] })),
    apply(`${services}/s`, 'x', service({ ports: [{ name: 'a', port: 80, protocol: 'TCP' }] })),
    apply(`${services}/s`, 'x', service({ ports: [] })),
    apply(
      `${services}/s`,
      'x',
      service({
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      }),
    ),
    apply(
      `${deployments}/d`,
      'x',
      deployment(
        template([
          { name: 'c', image: 'x', env: [{ name: 'A', value: '1' }] },
          { name: 'b', image: 'y' },
        ]),
      ),
    ),
    apply(
      `${deployments}/d`,
      'y',
      deployment({
        template: { spec: { containers: [{ name: 'c', env: [{ name: 'B', value: '2' }] }] } },
      }),
    ),
    apply(
      `${deployments}/d`,
      'y',
      deployment({ replicas: 3, template: { spec: { containers: [{ name: 'c', image: 'z' }] } } }),
    ),
    apply(`${deployments}/d`, 'x', deployment(template([{ name: 'c', image: 'x' }]))),
    apply(
      `${deployments}/d`,
      'x',
      deployment(
        template([
          { name: 'n', image: 'q' },
          { name: 'c', image: 'x' },
        ]),
      ),
    ),
    apply(`${deployments}/d`, 'x', deployment(template([{ image: 'x' }]))),
    apply(
      `${deployments}/d`,
      'x',
      deployment(
        template([
          { name: 'c', image: 'x' },
          { name: 'c', image: 'y' },
        ]),
      ),
    ),
    update(`${deployments}/d/scale`, 'hpa', { spec: { replicas: 5 } }),
    apply(
      `${deployments}/d`,
      'x',
      deployment({ ...template([{ name: 'c', image: 'x' }]), replicas: 2 }),
    ),
    apply(`${deployments}/d/scale`, 'scaler', {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'd' },
      spec: { replicas: 6 },
    }),
    apply(
      `${deployments}/d/scale`,
      'scaler',
      {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name: 'd' },
        spec: { replicas: 6 },
      },
      '&force=true',
    ),
    apply(`${deployments}/none/scale`, 'scaler', {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'none' },
      spec: { replicas: 6 },
    }),
    apply(`${deployments}/d/status`, 'controller', {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'd', labels: { x: 'y' } },
      spec: { replicas: 9 },
      status: { replicas: 6, conditions: [{ type: 'A', status: 'True' }] },
    }),
    apply(`${deployments}/d/status`, 'other', {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'd' },
      status: { replicas: 7 },
    }),
    apply(`${deployments}/d/status`, 'controller', {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'd' },
      status: { replicas: 6 },
    }),
    apply(`${deployments}/none/status`, 'other', {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'none' },
      status: { replicas: 7 },
    }),
    apply(`${deployments}/d`, 'x', {
      ...deployment(template([{ name: 'c', image: 'x' }])),
      status: { replicas: 100 },
    }),
    apply(`${pods}/p`, 'x', {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p', finalizers: ['b/b', 'a/a'] },
      spec: {
        containers: [{ name: 'c', image: 'x' }],
        hostAliases: [{ ip: '1.1.1.1', hostnames: ['x'] }],
      },
    }),
    apply(`${pods}/p`, 'y', {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p', finalizers: ['c/c', 'b/b'] },
    }),
    apply(`${pods}/p`, 'x', {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p' },
      spec: {
        containers: [{ name: 'c', image: 'x' }],
        hostAliases: [{ ip: '1.1.1.1', hostnames: ['x'] }],
      },
    }),
    apply(`${pods}/p`, 'y', { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' } }),
    `GET ${services}/s`,
  ],
  'apply-from-kubectl': [
    [
      `POST ${maps}?fieldManager=kubectl-client-side-apply`,
      map(
        'a',
        { k: '1', l: '1' },
        {
          annotations: {
            [lastApplied]:
              '{"apiVersion":"v1","data":{"k":"1","l":"1"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a","namespace":"{ns}"}}\n',
          },
        },
      ),
    ],
    applyMap('a', 'other', { k: '2' }),
    applyMap('a', 'kubectl', { k: '2' }),
    applyMap('a', 'kubectl', { k: '3', m: '1' }),
    `GET ${maps}/a`,
    [`POST ${maps}?fieldManager=kubectl-create`, map('b', { k: '1' })],
    applyMap('b', 'kubectl', { k: '2' }),
    applyMap('b', 'kubectl', { k: '2' }, '&force=true'),
    [`PUT ${maps}/b`, map('b', { k: '2' }, { managedFields: [{}] })],
    applyMap('b', 'x', { k: '2' }),
    applyMap('b', 'x', { k: '3' }),
    applyMap('b', 'x', { k: '3' }, '&force=true'),
  ],
  'many-managers': [
    createMap('a', { k: '0' }),
    ...Array.from({ length: 13 }, (_, index) =>
      update(`${maps}/a`, `m${String(index).padStart(2, '0')}`, { data: { [`k${index}`]: '1' } }),
    ),
  ],
}
