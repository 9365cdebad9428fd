import Ground
package import JSON
package import Recording

/// How sources are pulled from WHEP servers, where they do not say it themselves.
package struct WHEPConfiguration: Sendable {
  /// How long a server may be away.
  package var graceSeconds: Double?
  /// A PEM file with certificates that servers may be certified by beside the system's.
  package var caFile: String?

  /// Reads the configuration's `whep`.
  package init(json: JSONValue, at path: String) throws(ControlError) {
    let fields = try FieldReader(json, at: path, knowing: ["graceSeconds", "caFile"])
    graceSeconds = try fields.number("graceSeconds", 0...86_400, "a number of seconds from 0 to 86400")
    caFile = try fields.string("caFile", length: 1...4_096)
  }
}
