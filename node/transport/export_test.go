package transport

var (
	NotEOF              = notEOF
	Expand              = expand
	UsableIPs           = usableIPs
	TimelessCertificate = timelessCertificate
)
