plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "edgehybrid.reader"
    compileSdk = 36

    defaultConfig {
        applicationId = "edgehybrid.reader"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    // The bundle is stored as it is: it is copied to a folder at the first start.
    androidResources.noCompress += listOf("onnx", "bin", "json")
}

kotlin.compilerOptions.jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_17

// The five files of the default bundle that a phone needs, 12 MB, as assets.
val bundle = layout.projectDirectory.dir("../../../../edgehybrid/bundles/reader")
val copyBundle = tasks.register<Sync>("copyBundle") {
    from(bundle) { include("manifest.json", "tokenizer.json", "step.onnx", "head.onnx", "weights.bin") }
    into(layout.buildDirectory.dir("bundle/reader"))
}
android.sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("bundle"))
tasks.named("preBuild") { dependsOn(copyBundle) }

dependencies {
    // The one library: MIT. step.onnx needs 1.25 or newer. Text, JSON and sentences are Android's own.
    implementation("com.microsoft.onnxruntime:onnxruntime-android:1.27.0")
}
