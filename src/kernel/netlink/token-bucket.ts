/*
 * The kernel keeps the burst of a token bucket as the time that it takes at the bucket's rate, in ticks of 64 ns (PSCHED_SHIFT in
 * include/net/pkt_sched.h; /proc/net/psched tells it as 1000/64 ticks a microsecond).
 */

const TICKS_PER_MICROSECOND = 1000 / 64
const MAX_U32 = 0xffffffff

/** Rounded down twice, to microseconds and to ticks, as tc(8) and the reference CNI plugin do. */
export function bufferTicks({
  rateBytesPerSecond,
  burstBytes,
}: {
  readonly rateBytesPerSecond: number
  readonly burstBytes: number
}): number {
  const microseconds = Math.floor((burstBytes * 1e6) / rateBytesPerSecond)
  return Math.min(MAX_U32, Math.floor(microseconds * TICKS_PER_MICROSECOND))
}

export function burstBytes({
  rateBytesPerSecond,
  bufferTicks,
}: {
  readonly rateBytesPerSecond: number
  readonly bufferTicks: number
}): number {
  return Math.round((bufferTicks / TICKS_PER_MICROSECOND / 1e6) * rateBytesPerSecond)
}
