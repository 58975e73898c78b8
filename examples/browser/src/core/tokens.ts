/** Sentences to the token stream that the reader was trained on. */

import { Tokenizer } from "@huggingface/tokenizers";

const END_TOKENS: Record<string, string> = {
  prose: "<|prose|>",
  list: "<|item|>",
  heading: "<|heading|>",
};
const OTHER_END = "<|other|>";

export class Tokens {
  private readonly tokenizer: Tokenizer;
  private readonly ends = new Map<string, number>();
  private readonly other: number;

  constructor(json: object) {
    this.tokenizer = new Tokenizer(json, {});
    for (const [kind, token] of Object.entries(END_TOKENS)) this.ends.set(kind, this.id(token));
    this.other = this.id(OTHER_END);
  }

  /** Token ids of sentences, each with the end token that says what it was. */
  encode(sentences: { text: string; kind: string }[]): Int32Array {
    const ids: number[] = [];
    for (const { text, kind } of sentences) {
      for (const id of this.tokenizer.encode(text, { add_special_tokens: false }).ids) ids.push(id);
      ids.push(this.ends.get(kind) ?? this.other);
    }
    return Int32Array.from(ids);
  }

  private id(token: string): number {
    const id = this.tokenizer.token_to_id(token);
    if (id === undefined) throw new Error(`the bundle's tokenizer.json has no token ${token}`);
    return id;
  }
}
