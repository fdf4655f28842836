/** Times in which nobody is to be told: weekly windows by the clock of a time zone. */
import { BitternError } from '../common/errors.ts';
import { type Labels, type Matcher, matchesAll, parseMatcher } from './matcher.ts';

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

export interface MuteSettings {
  readonly name: string;
  /** All must hold; none: every alert. */
  readonly match: readonly string[];
  /** Days on which the window begins; none: every day. */
  readonly days: readonly (typeof DAYS)[number][];
  /** `22:00`; until a smaller time means: until the next day. Equal: the whole day. */
  readonly from: string;
  readonly to: string;
  /** IANA name, such as Europe/Berlin. */
  readonly timeZone: string;
}

const MINUTES_A_DAY = 1440;

export class Mute {
  readonly name: string;
  readonly #matchers: readonly Matcher[];
  readonly #days: ReadonlySet<number>;
  readonly #from: number;
  readonly #to: number;
  readonly #clock: Intl.DateTimeFormat;
  #minute = -1;
  #now = false;

  /** @throws BitternError BIT_MATCHER, BIT_ALERTS_CONFIG for a time zone that there isn't */
  constructor(settings: MuteSettings) {
    this.name = settings.name;
    this.#matchers = settings.match.map(parseMatcher);
    const days = settings.days.length === 0 ? DAYS : settings.days;
    this.#days = new Set(days.map((day) => DAYS.indexOf(day)));
    this.#from = minutesOf(settings.from);
    this.#to = minutesOf(settings.to);
    this.#clock = clockOf(settings.timeZone);
  }

  mutes(labels: Labels, nowMs: number): boolean {
    return this.#inWindow(nowMs) && matchesAll(this.#matchers, labels);
  }

  #inWindow(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#now = this.#judge(nowMs);
    }
    return this.#now;
  }

  #judge(nowMs: number): boolean {
    const parts = Object.fromEntries(this.#clock.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    const day = DAYS.indexOf(String(parts.weekday).toLowerCase() as (typeof DAYS)[number]);
    const minute = Number(parts.hour) * 60 + Number(parts.minute);
    if (this.#from < this.#to) return this.#days.has(day) && minute >= this.#from && minute < this.#to;
    // Over midnight: the later part belongs to the day before.
    if (minute >= this.#from) return this.#days.has(day);
    return minute < this.#to && this.#days.has((day + 6) % 7);
  }
}

function minutesOf(time: string): number {
  const [hours = '0', minutes = '0'] = time.split(':');
  return (Number(hours) * 60 + Number(minutes)) % MINUTES_A_DAY;
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  } catch (cause) {
    throw new BitternError(
      'BIT_ALERTS_CONFIG',
      `There is no time zone '${timeZone}': take a name such as Europe/Berlin.`,
      {
        cause,
      },
    );
  }
}
