/** Made-up credentials that the recorded clients send. A test searches everything that Bittern writes for them. */
export const PLANTED = {
  openai: 'sk-proj-made-up-0001-Xq7TnPlanted',
  openaiWrong: 'sk-proj-made-up-0002-WrongPlanted',
  anthropic: 'sk-ant-made-up-0003-Kd92Planted',
  gemini: 'AIza-made-up-0004-Gm51Planted',
  geminiQuery: 'AIza-made-up-0005-QueryPlanted',
  cookie: 'session-made-up-0006-CookiePlanted',
} as const;
