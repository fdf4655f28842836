/**
 * What a call cost in US dollars, by the bundled price list of `@pydantic/genai-prices`: dated and tiered list prices, no
 * discounts. Finding a model's prices takes the list up to 50 µs, so they are kept by model; the sum is ours, and tested
 * against the list's own.
 */
import { calcPrice, type ModelPrice } from '@pydantic/genai-prices';
import type { Micros } from '../common/types.ts';
import type { Usage } from './dialects/dialect.ts';
import { Lru } from './lru.ts';
import { priceListId } from './provider.ts';

/** Prices that depend on the time of day change at full or half hours. */
const PRICE_PERIOD_MICROS = 1_800_000_000;
const MODELS_MAX = 2000;

interface Prices {
  readonly prices: ModelPrice | null;
}

/** Dollars for a million tokens; above a tier's start the whole request has that tier's price. */
function rate(price: ModelPrice[string], inputTokens: number): number | null {
  if (price === undefined) return null;
  if (typeof price === 'number') return price;
  let tokenPrice = price.base;
  for (const tier of price.tiers) if (inputTokens > tier.start) tokenPrice = tier.price;
  return tokenPrice;
}

function sum(prices: ModelPrice, usage: Usage): number {
  const input = usage.input ?? 0;
  const read = Math.min(usage.cacheRead ?? 0, input);
  const write = Math.min(usage.cacheWrite ?? 0, input - read);
  const write1h = Math.min(usage.cacheWrite1h ?? 0, write);
  // A price that the list leaves out is that of the kind above it: an hour's write costs what a write costs, a write what input costs.
  const inputRate = rate(prices.input_mtok, input) ?? 0;
  const readRate = rate(prices.cache_read_mtok, input) ?? inputRate;
  const writeRate = rate(prices.cache_write_mtok, input) ?? inputRate;
  const write1hRate = rate(prices.cache_write_1h_mtok, input) ?? writeRate;
  const outputRate = rate(prices.output_mtok, input) ?? 0;
  const micro =
    (input - read - write) * inputRate +
    read * readRate +
    (write - write1h) * writeRate +
    write1h * write1hRate +
    (usage.output ?? 0) * outputRate;
  return micro / 1e6;
}

export class Pricing {
  readonly #known = new Lru<string, Prices>(MODELS_MAX);

  /** Null when the model isn't in the list, or no tokens were told. `time` is that of the request. */
  costUsd(provider: string, model: string, usage: Usage, time: Micros): number | null {
    if (model === '' || provider === '' || (usage.input === null && usage.output === null)) return null;
    const period = Math.floor(time / PRICE_PERIOD_MICROS);
    const key = `${provider} ${model} ${period}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = { prices: lookUp(provider, model, period * PRICE_PERIOD_MICROS) };
      this.#known.set(key, known);
    }
    return known.prices === null ? null : sum(known.prices, usage);
  }
}

function lookUp(provider: string, model: string, time: Micros): ModelPrice | null {
  try {
    const options = { providerId: priceListId(provider), timestamp: new Date(time / 1000) };
    return calcPrice({ input_tokens: 1, output_tokens: 1 }, model, options)?.model_price ?? null;
  } catch {
    // The list throws on what it can't price (a model name that breaks a rule of its own); not knowing is an answer too.
    return null;
  }
}
