package transport

var (
	Expand              = expand
	UsableIPs           = usableIPs
	TimelessCertificate = timelessCertificate
)
