package edgehybrid.reader

import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.system.Os
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import java.io.ByteArrayOutputStream
import java.io.File
import java.util.concurrent.Executors

private const val POINTS = 8
private const val OPEN = 1
private const val MOST_BYTES = 20L shl 20

/** One button: choose a text file, and its best sentences appear. */
class MainActivity : Activity() {
    private val worker = Executors.newSingleThreadExecutor() // one document at a time
    private val reader by lazy { Reader(unpackedBundle()) } // opened by the worker, once
    private lateinit var answer: TextView

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        Os.setenv("ORT_DISABLE_TELEMETRY", "1", true) // before ONNX Runtime is there: it would report
        answer = TextView(this).apply { setTextIsSelectable(true) }
        val button = Button(this).apply {
            text = "Choose a text file"
            setOnClickListener {
                val request = Intent(Intent.ACTION_OPEN_DOCUMENT).setType("text/*")
                startActivityForResult(request.addCategory(Intent.CATEGORY_OPENABLE), OPEN)
            }
        }
        val column = LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            addView(button)
            addView(answer)
        }
        setContentView(ScrollView(this).apply { addView(column) })
    }

    @Deprecated("the newer way needs a library of its own")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        super.onActivityResult(request, result, data)
        val chosen = data?.data
        if (request == OPEN && result == RESULT_OK && chosen != null) read(chosen)
    }

    private fun read(chosen: Uri) {
        answer.text = "Reading ..."
        worker.execute {
            val told = try {
                summarize(textOf(chosen), reader, POINTS).joinToString("\n\n").ifEmpty { "No text." }
            } catch (error: Exception) { // a stranger's file must not end the app
                "It could not be read: ${error.message}"
            }
            runOnUiThread { answer.text = told }
        }
    }

    private fun textOf(chosen: Uri): String {
        val stream = contentResolver.openInputStream(chosen) ?: error("it cannot be opened")
        val bytes = ByteArrayOutputStream()
        val buffer = ByteArray(1 shl 16)
        stream.use {
            while (true) {
                val count = it.read(buffer)
                if (count < 0) break
                bytes.write(buffer, 0, count)
                require(bytes.size() <= MOST_BYTES) { "it has more than $MOST_BYTES bytes" }
            }
        }
        return bytes.toString("UTF-8")
    }

    // ONNX Runtime opens weights.bin beside the graphs, so the bundle must lie in a folder. The last
    // file to come says that all are there.
    private fun unpackedBundle(): File {
        val folder = File(filesDir, "reader")
        val done = File(folder, "done")
        if (done.exists()) return folder
        folder.mkdirs()
        for (name in assets.list("reader").orEmpty()) {
            assets.open("reader/$name").use { from -> File(folder, name).outputStream().use(from::copyTo) }
        }
        done.createNewFile()
        return folder
    }

    override fun onDestroy() {
        worker.shutdown()
        super.onDestroy()
    }
}
