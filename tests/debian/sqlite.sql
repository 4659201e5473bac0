-- Queries over tables, indexes, views, triggers and full text, on a database in the current folder.
.bail on
.open queries.db
pragma journal_mode=wal;
create table person(id integer primary key, name text not null, born integer check(born > 1800));
create table book(id integer primary key, author integer references person(id), title text, pages int);
create index by_author on book(author, pages desc);
create table log(what text);
create trigger note after delete on book begin insert into log values('deleted ' || old.title); end;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
  insert into person select i, printf('person %03d', i * 7919 % 503), 1900 + i % 100 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into book select i, i * 31 % 500 + 1, hex(i * 7) || ' book', i * 13 % 997 from n;
select count(*), sum(pages), avg(pages), min(title), max(title) from book;
select p.name, count(*) c, sum(pages) s from person p join book b on b.author = p.id
  group by p.id having s > 20000 order by s desc, p.name limit 5;
explain query plan select title from book where author = 7 order by pages desc;
select title, rank() over (partition by author order by pages desc) r from book where author < 3 order by author, r limit 6;
begin;
delete from book where id % 5 = 0;
savepoint inner_one;
delete from book;
rollback to inner_one;
commit;
select count(*), (select count(*) from log) from book;
insert into person(id, name, born) values(1, 'again', 1950) on conflict(id) do update set name = excluded.name;
select json_group_array(json_object('n', name, 'b', born)) from person where id <= 3;
create virtual table words using fts5(line);
insert into words select 'the ' || title || ' is about number ' || id from book where id < 200;
select count(*) from words where words match 'number AND "about"';
select round(sqrt(2), 12), printf('%.3e', 12345.678), strftime('%Y-%m-%d', 86400, 'unixepoch'), typeof(1 / 2.0);
select substr(quote(zeroblob(4)), 1, 12), upper('abc') || char(233), instr('hello', 'll'), 9223372036854775807 + 1;
vacuum;
pragma wal_checkpoint(truncate);
pragma integrity_check;
.mode csv
select id, name from person where id in (2, 3);
.dump log
