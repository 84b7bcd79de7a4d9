import type { Ingress } from '#api/networking.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Finding } from './model.ts'

/** Tells people what becomes of their Ingresses, each thing once. */
export interface Reporter {
  report(ingresses: readonly Ingress[], findings: readonly Finding[]): void
}

export function createReporter(events: EventRecorder): Reporter {
  let synced = new Map<string, string>()
  let told = new Set<string>()
  return {
    report(ingresses, findings) {
      const byKey = new Map(ingresses.map((ingress) => [keyOf(ingress.metadata), ingress]))
      const versions = new Map(Array.from(byKey, ([key, ingress]) => [key, versionOf(ingress)]))
      for (const [key, ingress] of byKey) {
        if (synced.get(key) === versions.get(key)) continue
        events.event(ingress, 'Normal', 'Sync', 'Scheduled for sync')
      }
      synced = versions
      const current = new Set(findings.map((finding) => JSON.stringify(finding)))
      for (const finding of findings) {
        const ingress = byKey.get(`${finding.namespace}/${finding.ingress}`)
        if (!ingress || told.has(JSON.stringify(finding))) continue
        events.event(ingress, 'Warning', 'NotServed', finding.message)
        told.add(JSON.stringify(finding))
      }
      told = told.intersection(current)
    },
  }
}

function keyOf({ namespace, name }: Ingress['metadata']): string {
  return `${namespace ?? ''}/${name}`
}

/** Changes with what people write, and not with the status that we write. */
function versionOf({ metadata, spec }: Ingress): string {
  return JSON.stringify([metadata.uid, spec, metadata.annotations])
}
