package edgehybrid.reader

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import java.io.File
import java.nio.FloatBuffer
import java.nio.IntBuffer
import org.json.JSONObject

private const val CHUNK = 256 // tokens a step; any number gives the same

/**
 * A bundle's two portable graphs: step.onnx reads tokens and moves a state of fixed size on,
 * head.onnx scores the sentences of a whole document.
 *
 * The folder holds manifest.json, tokenizer.json, step.onnx, head.onnx and weights.bin.
 */
class Reader(folder: File) : AutoCloseable {
    val tokenizer = Tokenizer(File(folder, "tokenizer.json"))
    private val manifest = JSONObject(File(folder, "manifest.json").readText())
    private val vectorSize = manifest.getJSONObject("head").getInt("vector_size")
    private val environment = OrtEnvironment.getEnvironment()
    private val step = open(File(folder, "step.onnx"))
    private val head = open(File(folder, "head.onnx"))
    private val ends = mapOf("prose" to "<|prose|>", "list" to "<|item|>", "heading" to "<|heading|>")
        .mapValues { tokenizer.idOf(it.value) }

    private fun open(graph: File): OrtSession = OrtSession.SessionOptions().use {
        environment.createSession(graph.path, it)
    }

    /** All tokens of a document: each sentence, and after it what it was. */
    fun tokensOf(sentences: List<Sentence>): IntArray =
        sentences.flatMap { tokenizer.encode(it.text).asList() + ends.getValue(it.kind) }.toIntArray()

    /** A vector for each sentence: a unit vector of its meaning (256 numbers), then its context (64). */
    fun read(tokens: IntArray): List<FloatArray> {
        val vectors = ArrayList<FloatArray>()
        var states = zeros()
        var owner: AutoCloseable = AutoCloseable { states.values.forEach(OnnxTensor::close) }
        for (start in tokens.indices step CHUNK) {
            val chunk = tokens.copyOfRange(start, minOf(start + CHUNK, tokens.size))
            val input = OnnxTensor.createTensor(environment, IntBuffer.wrap(chunk), longArrayOf(chunk.size.toLong()))
            val result = input.use { step.run(states + ("tokens" to it)) }
            vectors += rows(result.get("vectors").get() as OnnxTensor)
            // What this step made is what the next one reads; only then may it go.
            val next = states.keys.associateWith { name ->
                result.get(name.replaceFirst("past_", "present_")).get() as OnnxTensor
            }
            owner.close()
            states = next
            owner = result
        }
        owner.close()
        return vectors
    }

    /** How much each sentence matters; higher is more. */
    fun score(sentences: List<Sentence>, vectors: List<FloatArray>, known: Array<FloatArray>): FloatArray {
        val inputs = mapOf(
            "vector" to tensor(vectors.map { it.copyOf(vectorSize) }),
            "context" to tensor(vectors.map { it.copyOfRange(vectorSize, it.size) }),
            "place" to tensor(known.asList()),
            "mean" to tensor(listOf(meanOf(sentences, vectors))),
            "last" to tensor(listOf(vectors.last().copyOfRange(vectorSize, vectors.last().size))),
        )
        try {
            return head.run(inputs).use { result ->
                rows(result.get("score").get() as OnnxTensor).map { it[0] }.toFloatArray()
            }
        } finally {
            inputs.values.forEach(OnnxTensor::close)
        }
    }

    /** The meaning of each sentence alone. */
    fun meanings(vectors: List<FloatArray>): List<FloatArray> = vectors.map { it.copyOf(vectorSize) }

    override fun close() {
        step.close()
        head.close()
    }

    private fun zeros(): Map<String, OnnxTensor> {
        val told = manifest.getJSONObject("step").getJSONArray("states")
        return (0 until told.length()).map(told::getJSONObject).associate { state ->
            val dimensions = state.getJSONArray("shape")
            val shape = LongArray(dimensions.length(), dimensions::getLong)
            val size = shape.fold(1L, Long::times).toInt()
            val tensor = when (val type = state.getString("dtype")) {
                "float32" -> OnnxTensor.createTensor(environment, FloatBuffer.allocate(size), shape)
                "int32" -> OnnxTensor.createTensor(environment, IntBuffer.allocate(size), shape)
                else -> error("the state ${state.getString("name")} is $type, expected float32 or int32")
            }
            "past_" + state.getString("name") to tensor
        }
    }

    private fun tensor(rows: List<FloatArray>): OnnxTensor {
        val buffer = FloatBuffer.allocate(rows.size * rows[0].size)
        rows.forEach { buffer.put(it) }
        buffer.rewind()
        val shape = longArrayOf(rows.size.toLong(), rows[0].size.toLong())
        return OnnxTensor.createTensor(environment, buffer, shape)
    }

    private fun rows(tensor: OnnxTensor): List<FloatArray> {
        val (count, width) = tensor.info.shape.map(Long::toInt)
        val buffer = tensor.floatBuffer
        return List(count) { FloatArray(width).also { row -> buffer.get(row) } }
    }
}
