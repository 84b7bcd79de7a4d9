import type { Endpoints } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

const SHOWN_ENDPOINTS = 3

/** `10.244.1.7:8080,10.244.2.3:8080 + 1 more...` */
function formatEndpoints({ subsets }: Endpoints): string {
  const all = (subsets ?? []).flatMap(({ addresses, ports }) =>
    (ports ?? []).length === 0
      ? (addresses ?? []).map(({ ip }) => ip)
      : ports!.flatMap(({ port }) => (addresses ?? []).map(({ ip }) => hostPort(ip, port))),
  )
  return all.length === 0 ? '<none>' : shorten(all, SHOWN_ENDPOINTS)
}

const hostPort = (ip: string, port: number) =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`

const shorten = (all: readonly string[], shown: number) =>
  all.length > shown
    ? `${all.slice(0, shown).join(',')} + ${all.length - shown} more...`
    : all.join(',')

function formatSlicePorts({ ports }: EndpointSlice): string {
  if (!ports || ports.length === 0) return '<unset>'
  const all = ports.map(({ name, port }) => (port === undefined ? (name ?? '*') : String(port)))
  return shorten(all, SHOWN_ENDPOINTS)
}

function formatSliceEndpoints({ endpoints }: EndpointSlice): string {
  const all = (endpoints ?? []).flatMap(({ addresses }) => addresses)
  return all.length === 0 ? '<unset>' : shorten(all, SHOWN_ENDPOINTS)
}

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn,
  text('Endpoints', formatEndpoints),
  ageColumn,
]

export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn,
  text('AddressType', ({ addressType }) => addressType),
  text('Ports', formatSlicePorts),
  text('Endpoints', formatSliceEndpoints),
  ageColumn,
]
