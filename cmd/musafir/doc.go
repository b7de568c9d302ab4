// Command musafir keeps the records of a health team on the devices of that team,
// with no server and no internet. See the README.
//
// Here concrete types meet: each file is one subcommand, or what several share.
package main
