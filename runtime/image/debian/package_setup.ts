// What installing does beyond unpacking, as data: accounts in the words of sysusers.d(5), directories,
// files and owners in those of tmpfiles.d(5). It stands for the packages' maintainer scripts, which
// are not run. What a package itself ships in these two formats is read as well.

export interface PackageSetup {
  /** `u name id "comment" home shell`, `g name id`, `m user group` */
  accounts?: string;
  /** `d`, `f`, `L`, `C` and `z` lines: type, path, mode, user, group, age, argument */
  files?: string;
}

/** Modules that the package apache2 enables, with what they depend on. */
const APACHE_MODULES = [
  ..."mpm_event authz_core authz_host authn_core auth_basic access_compat authn_file".split(" "),
  ..."authz_user alias dir autoindex env mime negotiation setenvif filter deflate".split(" "),
  ..."status reqtimeout".split(" "),
];
const APACHE_CONFIGURATIONS = [
  ..."charset localized-error-pages other-vhosts-access-log security serve-cgi-bin".split(" "),
];

/** Every root file system has these. */
export const SYSTEM_SETUP: PackageSetup = {
  files: `
d /proc 0555
d /sys 0555
d /dev 0755
d /dev/pts 0755
d /dev/shm 1777
d /run 0755
L /dev/fd - - - - /proc/self/fd
L /dev/stdin - - - - /proc/self/fd/0
L /dev/stdout - - - - /proc/self/fd/1
L /dev/stderr - - - - /proc/self/fd/2
d /tmp 1777
d /root 0700
f /etc/hostname 0644 root root - virtuos
f /etc/hosts 0644 root root - 127.0.0.1\\tlocalhost virtuos\\n::1\\tlocalhost ip6-localhost ip6-loopback
L /etc/resolv.conf - - - - /proc/net/pnp
f /etc/fstab 0644
f /etc/machine-id 0444
f /etc/nsswitch.conf 0644 root root - passwd: files\\ngroup: files\\nshadow: files\\nhosts: files dns\\nnetworks: files\\nprotocols: files\\nservices: files
L /etc/mtab - - - - ../proc/self/mounts
`,
};

export const PACKAGE_SETUP: Record<string, PackageSetup> = {
  "base-files": {
    files: `
C /etc/profile - - - - /usr/share/base-files/profile
C /etc/motd - - - - /usr/share/base-files/motd
C /root/.profile - - - - /usr/share/base-files/dot.profile
C /root/.bashrc - - - - /usr/share/base-files/dot.bashrc
C /usr/share/info/dir - - - - /usr/share/base-files/info.dir
L /etc/dpkg/origins/default - - - - debian
d /mnt 0755
d /srv 0755
d /opt 0755
d /media 0755
d /etc/opt 0755
d /var/opt 0755
d /var/mail 2775 root mail
L /var/spool/mail - - - - ../mail
d /run/lock 1777
d /usr/local/bin 0755
d /usr/local/etc 0755
d /usr/local/games 0755
d /usr/local/include 0755
d /usr/local/lib 0755
d /usr/local/sbin 0755
d /usr/local/share/man 0755
d /usr/local/src 0755
L /usr/local/man - - - - share/man
f /var/log/wtmp 0664 root utmp
f /var/log/btmp 0660 root utmp
f /var/log/lastlog 0664 root utmp
`,
  },
  "base-passwd": { files: "f /etc/subuid 0644\nf /etc/subgid 0644\n" },
  "redis-tools": {
    accounts: "u redis - - /var/lib/redis",
    files: "d /var/log/redis 2750 redis adm\nd /var/lib/redis 0750 redis redis\n",
  },
  "redis-server": {
    files: "z /etc/redis/redis.conf 0640 redis redis\nd /run/redis 2755 redis redis\n",
  },
  "nginx-common": {
    files: `
d /var/log/nginx 0755 root adm
f /var/log/nginx/access.log 0640 www-data adm
f /var/log/nginx/error.log 0640 www-data adm
L /etc/nginx/sites-enabled/default - - - - /etc/nginx/sites-available/default
C /var/www/html/index.nginx-debian.html - - - - /usr/share/nginx/html/index.html
`,
  },
  "apache2": {
    files: [
      "f /var/log/apache2/error.log 0640 root adm",
      "f /var/log/apache2/access.log 0640 root adm",
      "f /var/log/apache2/other_vhosts_access.log 0640 root adm",
      "d /run/apache2 0755",
      "d /run/lock/apache2 0755 www-data root",
      "C /var/www/html/index.html - - - - /usr/share/apache2/default-site/index.html",
      "L /etc/apache2/sites-enabled/000-default.conf - - - - ../sites-available/000-default.conf",
      ...APACHE_MODULES.flatMap((name) =>
        ["load", "conf"].map((kind) =>
          `L? /etc/apache2/mods-enabled/${name}.${kind} - - - - ../mods-available/${name}.${kind}`
        )
      ),
      ...APACHE_CONFIGURATIONS.map((name) =>
        `L? /etc/apache2/conf-enabled/${name}.conf - - - - ../conf-available/${name}.conf`
      ),
    ].join("\n"),
  },
  "mariadb-server": {
    accounts: 'u mysql - "MariaDB Server" /nonexistent /bin/false',
    files: `
d /var/lib/mysql 0755 mysql mysql
d /var/log/mysql 2750 mysql adm
d /run/mysqld 0755 mysql mysql
`,
  },
  "memcached": { accounts: 'u memcache - "Memcached" /nonexistent /bin/false' },
  "lighttpd": {
    files: `
d /var/log/lighttpd 0750 www-data www-data
d /var/cache/lighttpd 0750 www-data www-data
d /run/lighttpd 0750 www-data www-data
`,
  },
  "openssh-server": { files: "d /run/sshd 0755\n" },
  "postgresql-common": {
    accounts: 'u postgres - "PostgreSQL administrator" /var/lib/postgresql /bin/bash',
    files: `
d /var/lib/postgresql 0755 postgres postgres
d /var/log/postgresql 1775 root postgres
d /run/postgresql 2775 postgres postgres
`,
  },
};
