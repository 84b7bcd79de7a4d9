import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { findKubectl } from '../src/cluster/kubectl.ts'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const SHOP = '-n=shop'

// The promise: accounts, tokens, roles and certificates work with the real kubectl as on any cluster.
suite('The real kubectl', () => {
  let cluster: TestCluster
  let admin: { readonly server: string; readonly ca: string }
  before(() => {
    cluster = startCluster('auth', ['--nodes', '2'])
    const json = (path: string) =>
      kubectl('config', 'view', '--raw', '--minify', '-o', `jsonpath=${path}`)
    admin = {
      server: json('{.clusters[0].cluster.server}'),
      ca: join(cluster.home.folder, 'ca.crt'),
    }
    const ca = json('{.clusters[0].cluster.certificate-authority-data}')
    writeFileSync(admin.ca, Buffer.from(ca, 'base64'))
    kubectl('create', 'namespace', 'shop')
    kubectl('create', 'serviceaccount', 'robot', SHOP)
  })
  after(() => cluster[Symbol.dispose]())

  const kubectl = (...args: string[]) => {
    const result = cluster.kubectl(args)
    assert.equal(result.status, 0, `kubectl ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }
  /** kubectl without the administrator's kubeconfig: who it is, its arguments say. */
  const kubectlAs = (...args: string[]) => {
    const own = ['--server', admin.server, '--certificate-authority', admin.ca]
    const cache = ['--cache-dir', join(cluster.home.folder, 'cache-as')]
    const env = { ...process.env, KUBECONFIG: '/dev/null' }
    const options = { encoding: 'utf8', env } as const
    return spawnSync(findKubectl(), [...own, ...cache, ...args], options)
  }
  const curl = (path: string, ...args: string[]) => {
    const format = ['-s', '-o', '-', '-w', '\n%{http_code}', '--cacert', admin.ca]
    const { stdout } = spawnSync('curl', [...format, ...args, `${admin.server}${path}`], {
      encoding: 'utf8',
    })
    const at = stdout.lastIndexOf('\n')
    return { code: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) }
  }

  test('says who it is', () =>
    assert.match(
      kubectl('auth', 'whoami'),
      /^ATTRIBUTE +VALUE\nUsername +kubernetes-admin\nGroups +\[system:masters system:authenticated\]\n/,
    ))

  test('grants by a role and its binding, and can say so', () => {
    const robot = 'system:serviceaccount:shop:robot'
    const canI = (...args: string[]) => cluster.kubectl(['auth', 'can-i', ...args, SHOP])
    assert.deepEqual([canI('list', 'pods', '--as', robot).stdout], ['no\n'])
    const role = kubectl('create', 'role', 'reader', '--verb=get,list', '--resource=pods', SHOP)
    assert.equal(role, 'role.rbac.authorization.k8s.io/reader created\n')
    const bound = ['--role=reader', '--serviceaccount=shop:robot', SHOP]
    assert.equal(
      kubectl('create', 'rolebinding', 'readers', ...bound),
      'rolebinding.rbac.authorization.k8s.io/readers created\n',
    )
    assert.deepEqual([canI('list', 'pods', '--as', robot).stdout], ['yes\n'])
    const no = canI('delete', 'pods', '--as', robot)
    assert.deepEqual([no.stdout, no.status], ['no\n', 1])
    assert.match(canI('--list', '--as', robot).stdout, /\npods +\[\] +\[\] +\[get list\]\n/)
    assert.match(
      kubectl('get', 'rolebinding', '-o', 'wide', SHOP),
      /^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nreaders +Role\/reader +\S+ +shop\/robot\n$/,
    )
    assert.match(
      kubectl('get', 'roles', SHOP),
      /^NAME +CREATED AT\nreader +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/,
    )
    assert.match(kubectl('describe', 'role', 'reader', SHOP), /pods +\[\] +\[\] +\[get list\]/)
    assert.match(kubectl('get', 'clusterrole', 'view'), /^NAME +CREATED AT\nview /)
  })

  test('creates a token that is good for what its account may', () => {
    const token = kubectl('create', 'token', 'robot', SHOP).trim()
    const who = kubectlAs('--token', token, 'auth', 'whoami', '-o', 'json')
    const { userInfo } = JSON.parse(who.stdout).status
    assert.equal(userInfo.username, 'system:serviceaccount:shop:robot')
    assert.deepEqual(userInfo.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:shop',
      'system:authenticated',
    ])
    assert.equal(kubectlAs('--token', token, 'get', 'pods', SHOP).status, 0)
    const refused = kubectlAs('--token', token, 'get', 'secrets', SHOP)
    assert.equal(
      refused.stderr,
      'Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:shop:robot" cannot list resource "secrets" in API group "" in the namespace "shop"\n',
    )
    const wrong = kubectlAs('--token', `${token}x`, 'get', 'pods', SHOP)
    assert.match(wrong.stderr, /^error: You must be logged in to the server \(Unauthorized\)\n$/m)
    const short = cluster.kubectl(['create', 'token', 'robot', '--duration', '5m', SHOP])
    assert.match(short.stderr, /may not specify a duration less than 10 minutes/)
  })

  test('fills a token Secret, and takes it away with its account', async () => {
    kubectl('create', 'serviceaccount', 'old', SHOP)
    const annotations = { 'kubernetes.io/service-account.name': 'old' }
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'old-token', namespace: 'shop', annotations },
      type: 'kubernetes.io/service-account-token',
    }
    const { status } = cluster.kubectl(['create', '-f', '-'], JSON.stringify(secret))
    assert.equal(status, 0)
    const read = () =>
      cluster.kubectl(['get', 'secret', 'old-token', SHOP, '-o', 'jsonpath={.data.token}']).stdout
    const token = Buffer.from(
      await eventually('the Secret is filled', () => read() !== '' && read()),
      'base64',
    )
    const who = kubectlAs('--token', token.toString(), 'auth', 'whoami', '-o', 'json')
    assert.equal(JSON.parse(who.stdout).status.userInfo.username, 'system:serviceaccount:shop:old')
    kubectl('delete', 'serviceaccount', 'old', SHOP)
    await eventually('the Secret is gone', () => read() === '')
    assert.equal(kubectlAs('--token', token.toString(), 'auth', 'whoami').status, 1)
  })

  test('lets nobody grant more than it holds', () => {
    kubectl('create', 'rolebinding', 'admins', '--clusterrole=admin', '--user=alice', SHOP)
    const alice = ['--as', 'alice', SHOP]
    kubectl('create', 'role', 'own', '--verb=get', '--resource=configmaps', ...alice)
    const more = ['create', 'role', 'more', '--verb=get', '--resource=nodes', ...alice]
    const refused = cluster.kubectl(more)
    assert.equal(refused.status, 1)
    assert.match(
      refused.stderr,
      /roles\.rbac\.authorization\.k8s\.io "more" is forbidden: user "alice" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["get"\]\}\n$/,
    )
  })

  test('aggregates: what a label adds to view, viewers may', async () => {
    kubectl('create', 'rolebinding', 'viewers', '--clusterrole=view', '--user=vera', SHOP)
    const may = () =>
      cluster.kubectl(['auth', 'can-i', 'get', 'leases', '--as', 'vera', SHOP]).stdout === 'yes\n'
    assert.equal(may(), false)
    kubectl('create', 'clusterrole', 'leases', '--verb=get', '--resource=leases')
    kubectl('label', 'clusterrole', 'leases', 'rbac.authorization.k8s.io/aggregate-to-view=true')
    await eventually('vera may get leases', may)
  })

  test('refuses the user that one may not be', () => {
    const token = kubectl('create', 'token', 'robot', SHOP).trim()
    const { stderr } = kubectlAs('--token', token, '--as', 'alice', 'get', 'pods', SHOP)
    assert.match(
      stderr,
      /users "alice" is forbidden: User "system:serviceaccount:shop:robot" cannot impersonate resource "users" in API group "" at the cluster scope/,
    )
  })

  test('lets pods ask the API server as their account', async () => {
    const dir = '/var/run/secrets/kubernetes.io/serviceaccount'
    const url = 'https://kubernetes.default.svc/api/v1/namespaces'
    // By its own name curl gets its answers indented.
    const ask = `curl -s -A asker --cacert ${dir}/ca.crt -H "Authorization: Bearer $(cat ${dir}/token)"`
    const script = `${ask} ${url}/$(cat ${dir}/namespace)/pods | tr -d ' \\n' | head -c 60; echo; ${ask} ${url}/shop/secrets; sleep 3600`
    const overrides = JSON.stringify({ spec: { serviceAccountName: 'robot' } })
    const image = ['--image=fairlead.dev/tools', `--overrides=${overrides}`]
    kubectl('run', 'asker', ...image, SHOP, '--command', '--', 'sh', '-c', script)
    kubectl('wait', '--for=condition=Ready', 'pod/asker', SHOP, '--timeout=180s')
    const log = () => cluster.kubectl(['logs', 'asker', SHOP]).stdout
    await eventually('the pod has its answers', () => log().includes('"code":403'))
    assert.match(log(), /^\{"kind":"PodList","apiVersion":"v1"/)
    assert.match(
      log(),
      /secrets is forbidden: User \\"system:serviceaccount:shop:robot\\" cannot list resource/,
    )
  })

  test('keeps a node from the secrets of others, and a stranger from all', () => {
    kubectl('create', 'secret', 'generic', 'jewels', '--from-literal=k=v', SHOP)
    const home = join(cluster.home.folder, 'home', cluster.name, 'pki')
    const node = [
      '--client-certificate',
      join(home, 'node1.crt'),
      '--client-key',
      join(home, 'node1.key'),
    ]
    assert.match(readFileSync(join(home, 'node1.crt'), 'utf8'), /BEGIN CERTIFICATE/)
    const { stderr, status } = kubectlAs(...node, 'get', 'secret', 'jewels', SHOP)
    assert.equal(status, 1)
    assert.equal(
      stderr,
      `Error from server (Forbidden): secrets "jewels" is forbidden: User "system:node:node1" cannot get resource "secrets" in API group "" in the namespace "shop": no relationship found between node 'node1' and this object\n`,
    )
    assert.equal(kubectlAs(...node, 'get', 'node', 'node1').status, 0)
    assert.match(kubectlAs(...node, 'get', 'node', 'node2').stderr, /only its own Node object/)
    const token = kubectlAs(...node, 'create', 'token', 'robot', SHOP)
    assert.match(token.stderr, /node requested token not bound to a pod|no relationship found/)
  })

  test('shows anybody four paths, and no more', () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      assert.equal(curl(path).code, 200, path)
    for (const path of [
      '/',
      '/api',
      '/apis',
      '/openapi/v2',
      '/metrics',
      '/api/v1/pods',
      '/healthz/ping',
    ]) {
      const { code, text } = curl(path)
      assert.equal(code, 403, path)
      assert.match(text, /User \\"system:anonymous\\" cannot /)
    }
    assert.equal(curl('/version', '-H', 'Authorization: Bearer nonsense').code, 401)
  })

  test('finds the issuer of tokens, and its keys', () => {
    const token = kubectl('create', 'token', 'robot', SHOP).trim()
    const bearer = ['-H', `Authorization: Bearer ${token}`]
    const configuration = JSON.parse(curl('/.well-known/openid-configuration', ...bearer).text)
    assert.equal(configuration.issuer, 'https://kubernetes.default.svc.cluster.local')
    assert.equal(JSON.parse(curl('/openid/v1/jwks', ...bearer).text).keys[0].alg, 'ES256')
  })

  // https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#normal-user
  test('approves a certificate, and the certificate is good', async () => {
    const folder = cluster.home.folder
    const [key, csr, crt] = ['jane.key', 'jane.csr', 'jane.crt'].map((name) => join(folder, name))
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const made = spawnSync('openssl', [
      'req',
      '-new',
      ...curve,
      '-keyout',
      key!,
      '-out',
      csr!,
      '-subj',
      '/O=staff/CN=jane',
    ])
    assert.equal(made.status, 0, String(made.stderr))
    const request = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'jane' },
      spec: {
        request: readFileSync(csr!).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        expirationSeconds: 3600,
        usages: ['client auth'],
      },
    }
    assert.equal(cluster.kubectl(['create', '-f', '-'], JSON.stringify(request)).status, 0)
    assert.match(
      kubectl('get', 'csr'),
      /^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION\njane +\S+ +kubernetes.io\/kube-apiserver-client +kubernetes-admin +60m +Pending\n$/,
    )
    assert.equal(
      kubectl('certificate', 'approve', 'jane'),
      'certificatesigningrequest.certificates.k8s.io/jane approved\n',
    )
    const read = () => kubectl('get', 'csr', 'jane', '-o', 'jsonpath={.status.certificate}')
    await eventually('the certificate is issued', () => read() !== '')
    assert.match(kubectl('get', 'csr', 'jane'), / Approved,Issued\n$/)
    writeFileSync(crt!, Buffer.from(read(), 'base64'))
    const as = ['--client-certificate', crt!, '--client-key', key!]
    const who = kubectlAs(
      ...as,
      'auth',
      'whoami',
      '-o',
      'jsonpath={.status.userInfo.username} {.status.userInfo.groups}',
    )
    assert.equal(who.stdout, 'jane ["staff","system:authenticated"]')
    assert.equal(
      cluster.kubectl(
        ['create', '-f', '-'],
        JSON.stringify({ ...request, metadata: { name: 'no' } }),
      ).status,
      0,
    )
    kubectl('certificate', 'deny', 'no')
    assert.match(kubectl('get', 'csr', 'no'), / Denied\n$/)
  })
})
