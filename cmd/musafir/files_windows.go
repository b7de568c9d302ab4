package main

// privateFiles: on Windows a new file has the access of its directory.
func privateFiles() {}
