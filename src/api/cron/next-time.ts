import type { FieldSchedule, Schedule } from './parse-schedule.ts'

/** A schedule that matches no day in so many years (30 February) never does. */
const YEARS = 5

/**
 * The first time after `after` (milliseconds since 1970, as the result) that the schedule names; undefined where there is none.
 * Hours that a clock change skips are skipped; those that it repeats count twice.
 *
 * @see github.com/robfig/cron v3, SpecSchedule.Next
 */
export function nextTime(
  schedule: Schedule,
  after: number,
  timeZone: string = 'UTC',
): number | undefined {
  if ('everyMs' in schedule) return Math.floor(after / 1000) * 1000 + schedule.everyMs
  const nextMinute = (Math.floor(after / 60_000) + 1) * 60_000
  let time = Temporal.Instant.fromEpochMilliseconds(nextMinute).toZonedDateTimeISO(
    schedule.timeZone ?? timeZone,
  )
  const lastYear = time.year + YEARS
  while (time.year <= lastYear) {
    if (!schedule.month.has(time.month)) {
      time = time.with({ day: 1 }).add({ months: 1 }).startOfDay()
    } else if (!matchesDay(schedule, time)) {
      time = time.add({ days: 1 }).startOfDay()
    } else if (!schedule.hour.has(time.hour)) {
      time = time.add({ minutes: 60 - time.minute })
    } else if (!schedule.minute.has(time.minute)) {
      time = time.add({ minutes: 1 })
    } else return time.epochMilliseconds
  }
  return undefined
}

function matchesDay(schedule: FieldSchedule, { day, dayOfWeek }: Temporal.ZonedDateTime): boolean {
  const inMonth = schedule.dayOfMonth.has(day)
  const inWeek = schedule.dayOfWeek.has(dayOfWeek % 7)
  return schedule.needsBothDays ? inMonth && inWeek : inMonth || inWeek
}
