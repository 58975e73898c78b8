/** The reader's two graphs: tokens to sentence vectors, and vectors to scores. */

import type { InferenceSession, Tensor, TensorConstructor, InferenceSessionFactory } from "onnxruntime-common";
import type { Bundle, State } from "./bundle";
import { f16round } from "./float16";

/** onnxruntime-web or onnxruntime-node: their API is one. */
export interface Runtime {
  InferenceSession: InferenceSessionFactory;
  Tensor: TensorConstructor;
}

/** Tokens a run: enough that products are large, few enough that progress moves. */
export const CHUNK = 256;
/** Sentences whose features are in memory at a time. */
const SCORED_TOGETHER = 1024;

type Tensors = Record<string, Tensor>;

export class Reader {
  readonly vectorSize: number;
  /** Columns of a sentence vector: a unit vector of meaning, then its context. */
  readonly width: number;

  private constructor(
    private readonly runtime: Runtime,
    private readonly step: InferenceSession,
    private readonly head: InferenceSession,
    readonly bundle: Bundle,
  ) {
    this.vectorSize = bundle.manifest.head.vector_size;
    this.width = this.vectorSize + bundle.manifest.head.context_size;
  }

  static async open(runtime: Runtime, bundle: Bundle): Promise<Reader> {
    const options: InferenceSession.SessionOptions = {
      executionProviders: ["cpu"],
      externalData: [{ path: "weights.bin", data: bundle.weights }],
    };
    const step = await runtime.InferenceSession.create(bundle.step, options);
    const head = await runtime.InferenceSession.create(bundle.head, options);
    return new Reader(runtime, step, head, bundle);
  }

  /** A document's stream, of which nothing was read. */
  stream(): Stream {
    return new Stream(this.runtime, this.step, this.bundle.manifest.step.states);
  }

  /**
   * Importance of each of n sentences of a whole document; higher is more important.
   * `vectors` are (n, width), `features` (n, place_size); those `quotable` count for the mean.
   */
  async score(vectors: Float32Array, features: Float32Array, quotable: boolean[]): Promise<Float32Array> {
    const n = quotable.length, { width, vectorSize } = this;
    const columns = features.length / Math.max(n, 1);
    const mean = meanOf(vectors, width, quotable);
    const last = vectors.slice((n - 1) * width + vectorSize, n * width);
    const scores = new Float32Array(n);
    for (let i = 0; i < n; i += SCORED_TOGETHER) {
      const m = Math.min(SCORED_TOGETHER, n - i);
      const rows = vectors.subarray(i * width, (i + m) * width);
      const made = await this.head.run({
        vector: this.matrix(columnsOf(rows, width, 0, vectorSize), m),
        context: this.matrix(columnsOf(rows, width, vectorSize, width), m),
        place: this.matrix(features.slice(i * columns, (i + m) * columns), m),
        mean: this.matrix(mean, 1),
        last: this.matrix(last, 1),
      });
      scores.set(made[this.head.outputNames[0]!]!.data as Float32Array, i);
    }
    return scores;
  }

  private matrix(values: Float32Array, rows: number): Tensor {
    return new this.runtime.Tensor("float32", values, [rows, values.length / rows]);
  }
}

/** One document being read: what the model remembers of it is of fixed size. */
export class Stream {
  tokens = 0;
  private states: Tensors = {};

  constructor(
    private readonly runtime: Runtime,
    private readonly step: InferenceSession,
    states: State[],
  ) {
    for (const { name, shape, dtype } of states) {
      const dims = shape.map((size) => (typeof size === "number" ? size : 0));
      const size = dims.reduce((a, b) => a * b, 1);
      const zeros = dtype === "int32" ? new Int32Array(size) : new Float32Array(size);
      this.states[name] = new runtime.Tensor(dtype, zeros, dims);
    }
  }

  /** Bytes of all that is remembered. */
  get bytes(): number {
    return Object.values(this.states).reduce((sum, state) => sum + 4 * state.size, 0);
  }

  /** Read tokens; the vectors of sentences that end among them, in half precision. */
  async feed(ids: Int32Array): Promise<Float32Array[]> {
    const made: Float32Array[] = [];
    for (let i = 0; i < ids.length; i += CHUNK) made.push(await this.run(ids.slice(i, i + CHUNK)));
    return made;
  }

  private async run(ids: Int32Array): Promise<Float32Array> {
    const feeds: Tensors = { tokens: new this.runtime.Tensor("int32", ids, [ids.length]) };
    for (const [name, state] of Object.entries(this.states)) feeds[`past_${name}`] = state;
    const made = await this.step.run(feeds);
    for (const name of Object.keys(this.states)) this.states[name] = made[`present_${name}`] as Tensor;
    this.tokens += ids.length;
    return (made.vectors!.data as Float32Array).map(f16round);
  }
}

/** The mean (width,) of the rows that count; of all, if none does. */
function meanOf(rows: Float32Array, width: number, counts: boolean[]): Float32Array {
  const any = counts.includes(true);
  const mean = new Float64Array(width);
  let n = 0;
  counts.forEach((isCounted, i) => {
    if (any && !isCounted) return;
    n += 1;
    for (let k = 0; k < width; k++) mean[k]! += rows[i * width + k]!;
  });
  return Float32Array.from(mean, (sum) => sum / n);
}

/** Columns `from` up to `to` of rows that are `width` wide. */
export function columnsOf(rows: Float32Array, width: number, from: number, to: number): Float32Array {
  const n = rows.length / width, size = to - from;
  const out = new Float32Array(n * size);
  for (let i = 0; i < n; i++) out.set(rows.subarray(i * width + from, i * width + to), i * size);
  return out;
}
