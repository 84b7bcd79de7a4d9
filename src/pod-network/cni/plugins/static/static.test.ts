import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginHost } from '../plugin.ts'
import { runPlugin } from '../run-plugin.ts'

const addresses = [
  { address: '10.10.0.1/24', gateway: '10.10.0.254' },
  { address: '3ffe:ffff:0:01ff::1/64', gateway: '3ffe:ffff:0::1' },
]
const run = (ipam: object, { config = {}, args = '', verb = 'ADD' } = {}) =>
  runPlugin(
    {
      type: 'static',
      env: {
        CNI_COMMAND: verb,
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: '/nowhere',
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/',
        CNI_ARGS: args,
      },
      stdin: Buffer.from(
        JSON.stringify({
          cniVersion: '0.3.1',
          name: 'net',
          ipam: { type: 'static', ...ipam },
          ...config,
        }),
      ),
    },
    {} as PluginHost,
  )

// Inputs and results of plugins/ipam/static/static_test.go, transcribed by behaviour.
const cases = [
  {
    name: 'addresses, routes and DNS of the configuration',
    ipam: {
      addresses,
      routes: [{ dst: '0.0.0.0/0' }, { dst: '192.168.0.0/16', gw: '10.10.5.1' }],
      dns: { nameservers: ['8.8.8.8'], domain: 'example.com', search: ['example.com'] },
    },
    want: {
      cniVersion: '0.3.1',
      ips: [
        { version: '4', address: '10.10.0.1/24', gateway: '10.10.0.254' },
        { version: '6', address: '3ffe:ffff:0:1ff::1/64', gateway: '3ffe:ffff::1' },
      ],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '192.168.0.0/16', gw: '10.10.5.1' }],
      dns: { nameservers: ['8.8.8.8'], domain: 'example.com', search: ['example.com'] },
    },
  },
  {
    name: 'CNI_ARGS on top, with the gateways of their networks',
    ipam: {},
    options: { args: 'IP=10.10.0.1/24,11.11.0.1/24;GATEWAY=10.10.0.254,11.11.0.254' },
    want: {
      cniVersion: '0.3.1',
      ips: [
        { version: '4', address: '10.10.0.1/24', gateway: '10.10.0.254' },
        { version: '4', address: '11.11.0.1/24', gateway: '11.11.0.254' },
      ],
      dns: {},
    },
  },
  {
    name: 'args.cni.ips instead of what the configuration says',
    ipam: { addresses },
    options: { config: { args: { cni: { ips: ['10.10.0.9/24'] } } } },
    want: { cniVersion: '0.3.1', ips: [{ version: '4', address: '10.10.0.9/24' }], dns: {} },
  },
  {
    name: 'the capability instead of args, with keys as Go sends them',
    ipam: { addresses },
    options: {
      config: {
        args: { cni: { ips: ['10.10.0.9/24'] } },
        runtimeConfig: { IPs: ['10.10.0.10/24'] },
      },
    },
    want: { cniVersion: '0.3.1', ips: [{ version: '4', address: '10.10.0.10/24' }], dns: {} },
  },
]

// Words of plugins/ipam/static/main.go.
const refusals = [
  {
    name: 'an address without a prefix length',
    ipam: { addresses: [{ address: '10.10.0.1' }] },
    message: "the 'address' field is expected to be in CIDR notation, got: '10.10.0.1'",
  },
  {
    name: 'CNI_ARGS without one',
    options: { args: 'IP=10.10.0.1' },
    message: "the 'ip' field is expected to be in CIDR notation, got: '10.10.0.1'",
  },
  {
    name: 'a gateway that is none',
    options: { args: 'IP=10.10.0.1/24;GATEWAY=x' },
    message: 'invalid gateway address: x',
  },
  {
    name: 'two addresses of a family before 0.3.0',
    options: { args: 'IP=10.10.0.1/24,10.10.0.2/24', config: { cniVersion: '0.2.0' } },
    message: 'CNI version 0.2.0 does not support more than 1 address per family',
  },
  {
    name: 'no ipam',
    options: { config: { ipam: null } },
    message: "IPAM config missing 'ipam' key",
  },
]

suite('static', () => {
  for (const { name, ipam, options, want } of cases) {
    test(`gives ${name}`, async () => {
      const { exitCode, stdout } = await run(ipam, options)
      assert.equal(exitCode, 0, stdout)
      assert.deepEqual(JSON.parse(stdout), want)
    })
  }

  for (const { name, ipam = {}, options, message } of refusals) {
    test(`refuses ${name}`, async () => {
      const { exitCode, stdout } = await run(ipam, options)
      assert.equal(exitCode, 1)
      assert.deepEqual(JSON.parse(stdout), { code: 999, msg: message })
    })
  }

  test('CHECK wants the gateway that it gave, and DEL has nothing to do', async () => {
    const check = (gateway: string) =>
      run(
        { addresses },
        {
          verb: 'CHECK',
          config: {
            cniVersion: '1.0.0',
            prevResult: { cniVersion: '1.0.0', ips: [{ address: '10.10.0.1/24', gateway }] },
          },
        },
      )
    assert.equal((await check('10.10.0.254')).exitCode, 0)
    assert.equal(
      JSON.parse((await check('10.10.0.253')).stdout).msg,
      'static: Failed to match addr 10.10.0.1 on interface eth0',
    )
    assert.deepEqual(await run({}, { verb: 'DEL' }), { exitCode: 0, stdout: '', stderr: '' })
  })
})
