package ai.onnxruntime

// What the example uses of ONNX Runtime's Java API, with the same names, where its library cannot be
// had: each session is a process of run_graph.py, and tensors go through its pipes.

import java.io.DataInputStream
import java.io.DataOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.util.Optional

interface OnnxValue : AutoCloseable {
    override fun close() = Unit
}

class TensorInfo(val shape: LongArray)

class OnnxTensor internal constructor(internal val type: Int, val bytes: ByteArray, shape: LongArray) : OnnxValue {
    val info = TensorInfo(shape)

    val floatBuffer: FloatBuffer get() = order(bytes).asFloatBuffer()

    companion object {
        @JvmStatic
        fun createTensor(environment: OrtEnvironment, data: FloatBuffer, shape: LongArray): OnnxTensor {
            val bytes = ByteArray(4 * data.remaining())
            order(bytes).asFloatBuffer().put(data)
            return OnnxTensor(0, bytes, shape)
        }

        @JvmStatic
        fun createTensor(environment: OrtEnvironment, data: IntBuffer, shape: LongArray): OnnxTensor {
            val bytes = ByteArray(4 * data.remaining())
            order(bytes).asIntBuffer().put(data)
            return OnnxTensor(1, bytes, shape)
        }

        private fun order(bytes: ByteArray) = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    }
}

class OrtEnvironment private constructor() {
    fun createSession(path: String, options: OrtSession.SessionOptions) = OrtSession(path)

    companion object {
        private val only = OrtEnvironment()

        @JvmStatic
        fun getEnvironment() = only
    }
}

class OrtSession internal constructor(path: String) : AutoCloseable {
    private val process = ProcessBuilder(System.getenv("RUN_GRAPH").split(" ") + path)
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val to = DataOutputStream(process.outputStream.buffered())
    private val from = DataInputStream(process.inputStream.buffered())

    class SessionOptions : AutoCloseable {
        override fun close() = Unit
    }

    class Result(private val values: Map<String, OnnxTensor>) : AutoCloseable {
        fun get(name: String): Optional<OnnxValue> = Optional.ofNullable(values[name])

        override fun close() = Unit
    }

    fun run(inputs: Map<String, OnnxTensor>): Result {
        to.writeInt(inputs.size)
        for ((name, tensor) in inputs) {
            val shape = tensor.info.shape
            to.writeUTF(name)
            to.writeInt(tensor.type)
            to.writeInt(shape.size)
            shape.forEach(to::writeLong)
            to.writeInt(tensor.bytes.size)
            to.write(tensor.bytes)
        }
        to.flush()
        return Result((0 until from.readInt()).associate { readTensor() })
    }

    private fun readTensor(): Pair<String, OnnxTensor> {
        val name = from.readUTF()
        val type = from.readInt()
        val shape = LongArray(from.readInt()) { from.readLong() }
        val bytes = ByteArray(from.readInt()).also(from::readFully)
        return name to OnnxTensor(type, bytes, shape)
    }

    override fun close() {
        to.close()
        process.waitFor()
    }
}
