/** Stories that were told lately. Above the limit those told longest ago go; they are told again from the stored calls when needed. */
import type { SessionStory } from './session.ts';

/** What a story weighs besides its calls, in calls. */
const STORY_WEIGHT = 8;

export class StoryCache {
  readonly #stories = new Map<string, SessionStory>();
  readonly #weights = new Map<string, number>();
  readonly #callsMax: number;
  #calls = 0;

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  get size(): number {
    return this.#stories.size;
  }

  has(sessionId: string): boolean {
    return this.#stories.has(sessionId);
  }

  get(sessionId: string): SessionStory | undefined {
    return this.#stories.get(sessionId);
  }

  set(sessionId: string, story: SessionStory): void {
    this.delete(sessionId);
    this.#stories.set(sessionId, story);
    this.#weigh(sessionId, story);
  }

  delete(sessionId: string): void {
    this.#calls -= this.#weights.get(sessionId) ?? 0;
    this.#weights.delete(sessionId);
    this.#stories.delete(sessionId);
  }

  clear(): void {
    this.#stories.clear();
    this.#weights.clear();
    this.#calls = 0;
  }

  /** It was told just now: others go first. */
  touched(sessionId: string): void {
    const story = this.#stories.get(sessionId);
    if (story === undefined) return;
    this.#stories.delete(sessionId);
    this.#stories.set(sessionId, story);
    this.#calls -= this.#weights.get(sessionId) ?? 0;
    this.#weigh(sessionId, story);
    for (const oldest of this.#stories.keys()) {
      if (this.#calls <= this.#callsMax || oldest === sessionId) break;
      this.delete(oldest);
    }
  }

  #weigh(sessionId: string, story: SessionStory): void {
    const weight = story.size + STORY_WEIGHT;
    this.#weights.set(sessionId, weight);
    this.#calls += weight;
  }
}
