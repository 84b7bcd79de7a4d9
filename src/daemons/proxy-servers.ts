import type { Log } from '#log/log.ts'
import type {
  ProxyConfiguration,
  SocketAddress,
} from '#service-network/proxy/standalone/configuration.ts'
import type { ProxyHealth } from '#service-network/proxy/standalone/health.ts'
import type { ProxyMetrics } from '#service-network/proxy/standalone/metrics.ts'
import { CONTENT_TYPE } from '#wire/prometheus/registry.ts'
import { type Answer, serveAnswers } from './serve-answers.ts'

const JSON_TYPE = 'application/json'

/** What load balancers and the kubelet ask, on port 10256. */
export function serveHealth(
  { healthz, bindAddressHardFail }: ProxyConfiguration,
  health: ProxyHealth,
  registry: ProxyMetrics['registry'],
  log: Log,
): Promise<AsyncDisposable> {
  const counted = (name: string, answer: () => Answer) => {
    const counter = registry.counter(`kubeproxy_proxy_${name}_total`, `Answers of /${name}`)
    return () => {
      const result = answer()
      counter.add({ code: `${result.code}` })
      return { ...result, contentType: JSON_TYPE }
    }
  }
  const paths = {
    '/healthz': counted('healthz', health.health),
    '/livez': counted('livez', health.liveness),
  }
  return listen(healthz, bindAddressHardFail, paths, log)
}

/** What people and Prometheus ask on the node, on port 10249. @see kubernetes cmd/kube-proxy/app/server.go, serveMetrics */
export function serveMetrics(
  configuration: ProxyConfiguration,
  metrics: ProxyMetrics,
  log: Log,
): Promise<AsyncDisposable> {
  const { metrics: socket, mode, bindAddressHardFail } = configuration
  const paths = {
    '/metrics': async () => ({
      code: 200,
      contentType: CONTENT_TYPE,
      body: await metrics.render(log),
    }),
    '/proxyMode': () => ({ code: 200, body: mode }),
    '/healthz': () => ({ code: 200, body: 'ok' }),
    '/configz': async () => {
      const { showConfiguration } = await import(
        '#service-network/proxy/standalone/show-configuration.ts'
      )
      const shown = { 'kubeproxy.config.k8s.io': showConfiguration(configuration) }
      return { code: 200, contentType: JSON_TYPE, body: JSON.stringify(shown) }
    },
  }
  return listen(socket, bindAddressHardFail, paths, log)
}

/** As upstream, a port that is taken is no reason to end, unless `bindAddressHardFail` says so. */
async function listen(
  socket: SocketAddress | undefined,
  isHard: boolean,
  paths: Readonly<Record<string, () => Answer | Promise<Answer>>>,
  log: Log,
): Promise<AsyncDisposable> {
  if (!socket) return { [Symbol.asyncDispose]: async () => {} }
  try {
    return await serveAnswers(socket, paths)
  } catch (error) {
    if (isHard) throw error
    log.error(`Cannot serve ${Object.keys(paths).join(', ')} on port ${socket.port}`, { error })
    return { [Symbol.asyncDispose]: async () => {} }
  }
}
